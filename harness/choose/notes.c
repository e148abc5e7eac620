#include "harness/choose/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct notes *notes, const char *text)
{
    for (size_t i = 0; i < notes->count; i++)
        if (strcmp(notes->text[i], text) == 0)
            return true;
    return false;
}

bool notes_add(struct notes *notes, struct fault *fault, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    const int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        return fault_memory(fault, "notes");
    if (has(notes, text)) {
        free(text);
        return true;
    }
    char **grown = realloc(notes->text, (notes->count + 1) * sizeof *grown);
    if (!grown) {
        free(text);
        return fault_memory(fault, "notes");
    }
    notes->text = grown;
    notes->text[notes->count++] = text;
    return true;
}

void notes_free(struct notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->text[i]);
    free(notes->text);
    *notes = (struct notes){0};
}
