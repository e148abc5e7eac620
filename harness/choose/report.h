/* A decision in words and tables, for people; harness/choose/json.h has it for programs. */
#ifndef EKTM_HARNESS_CHOOSE_REPORT_H
#define EKTM_HARNESS_CHOOSE_REPORT_H

#include "harness/choose/decision.h"

/* Print to stdout, as plain text or as Markdown; `full`: all configurations, too. False: no memory.
 */
bool report_print(const struct decision *decision, bool full, struct fault *fault);
bool report_print_markdown(const struct decision *decision, bool full, struct fault *fault);

#endif
