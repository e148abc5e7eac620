#include "harness/model/lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool lines_open(struct lines *lines, const char *path, struct fault *fault)
{
    struct stat status;
    const bool standard = strcmp(path, "-") == 0;
    *lines = (struct lines){.path = standard ? "standard input" : path};
    lines->file = standard ? stdin : fopen(path, "re");
    if (!lines->file || fstat(fileno(lines->file), &status) != 0)
        fault_caller(fault, "%s: cannot be opened: %s", lines->path, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        fault_caller(fault, "%s: is a directory; a file is read", lines->path);
    else
        return true;
    lines_close(lines);
    return false;
}

void lines_close(struct lines *lines)
{
    if (lines->file && lines->file != stdin)
        fclose(lines->file);
    free(lines->text);
    *lines = (struct lines){.file = NULL};
}

bool lines_rewind(struct lines *lines, struct fault *fault)
{
    lines->line = 0;
    return fseek(lines->file, 0, SEEK_SET) == 0
               ? true
               : fault_caller(fault, "%s: is read twice and cannot be: %s", lines->path,
                              strerror(errno));
}

/* Room for one more byte and the end of the text. */
static bool grow(struct lines *lines, size_t length, struct fault *fault)
{
    if (length + 2 <= lines->room)
        return true;
    if (length >= LINE_BYTES_MAX)
        return fault_caller(fault, "%s:%zu: is longer than %d bytes, the most that is allowed",
                            lines->path, lines->line, LINE_BYTES_MAX);
    size_t room = 2 * length + 256;
    char *text = realloc(lines->text, room);
    if (!text)
        return fault_memory(fault, "a line of a file");
    lines->text = text;
    lines->room = room;
    return true;
}

/* Some programs begin UTF-8 with a mark. */
static void drop_mark(struct lines *lines, size_t *length)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (lines->line != 1 || strncmp(lines->text, mark, sizeof mark - 1) != 0)
        return;
    *length -= sizeof mark - 1;
    memmove(lines->text, lines->text + sizeof mark - 1, *length + 1);
}

bool lines_read(struct lines *lines, size_t *length, bool *end, struct fault *fault)
{
    int byte;
    bool returned = false; /* the last byte is a carriage return */
    lines->line++;
    *length = 0;
    while ((byte = getc_unlocked(lines->file)) != EOF && byte != '\n') {
        if (byte == '\0')
            return fault_caller(fault, "%s:%zu: byte %zu is NUL; lines of text are read",
                                lines->path, lines->line, *length + 1);
        if (!grow(lines, *length, fault))
            return false;
        lines->text[(*length)++] = (char)byte;
        returned = byte == '\r';
    }
    if (byte == EOF && ferror(lines->file))
        return fault_caller(fault, "%s: cannot be read: %s", lines->path, strerror(errno));
    *end = byte == EOF && *length == 0;
    if (*end) {
        lines->line--;
        return true;
    }
    if (!grow(lines, *length, fault))
        return false;
    *length -= returned;
    lines->text[*length] = '\0';
    drop_mark(lines, length);
    return true;
}

struct cell_text shown(const char *cell)
{
    struct cell_text shown;
    size_t i = 0;
    for (; cell[i] && i + 4 < sizeof shown.text; i++)
        shown.text[i] = isprint((unsigned char)cell[i]) ? cell[i] : '?';
    strcpy(shown.text + i, cell[i] ? "..." : "");
    return shown;
}

size_t lines_cut(char *text, char at, char **cell, size_t room)
{
    const char separator[] = {at, '\0'};
    size_t count = 0;
    for (char *rest = text, *word; (word = strsep(&rest, separator));) {
        if (count < room)
            cell[count] = word;
        count++;
    }
    return count;
}
