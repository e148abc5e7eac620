/* Schedules that `ektm tune` found on this machine, in a file beside its results. */
#ifndef EKTM_HARNESS_MODEL_TUNING_H
#define EKTM_HARNESS_MODEL_TUNING_H

#include "harness/model/schedule.h"

#include <jansson.h>

/* Where they are when nobody says: "results/<machine>/tuning.json". */
void tuning_path(const struct topology *topology, char *path, size_t size);

/* Sets `*schedule` to what was found for models of these sizes with that backend, and `*found`;
 * leaves it where there is none. `path`: NULL for the usual place, where there may be no file;
 * "none" for no file at all. A file that is missing elsewhere, or holds something else: a fault. */
bool tuning_find(const char *path, const struct topology *topology,
                 const struct ektm_config *config, const char *backend, struct schedule *schedule,
                 bool *found, struct fault *fault);

/* Whether tuning_find could read the file, so that a mistake is told before anything is measured.
 */
bool tuning_check(const char *path, const struct topology *topology, struct fault *fault);

/* Writes what was found into the file, in place of what it says of the same sizes and backend; what
 * else it says stays. The file is replaced when the new one is whole; folders are made. `evidence`
 * is kept beside it (taken over); `preset` is for people. */
bool tuning_store(const char *path, const struct ektm_config *config, const char *preset,
                  const char *backend, const struct schedule *schedule, json_t *evidence,
                  struct fault *fault);

#endif
