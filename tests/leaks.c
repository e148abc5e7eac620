/* The test framework keeps a few bytes of its own to the end, which LeakSanitizer is told to
 * overlook. As the framework calls every test, what a test itself leaks is overlooked, too; leaks
 * of `ektm` are found where its commands run. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) { return "leak:libcriterion"; }
