/* SPDX-License-Identifier: ISC */
/*
 * worker - what would hold up the loop, on threads: fsync, key generation.
 *
 * `work` runs on a thread and touches nothing but its argument; `done` is called once on
 * the loop, never before worker_start() has returned. Threads are made when there is
 * work and end when they have been idle for some seconds.
 */
#ifndef ACMED_WORKER_H
#define ACMED_WORKER_H

#include "common/clean.h"

struct event_base;
struct worker;
struct worker_task;

typedef void worker_fn(void *arg);

struct worker *worker_new(struct event_base *loop, unsigned most_threads);

/* Waits for the tasks that run; tasks that wait are dropped. No `done` is called. */
void worker_free(struct worker *w);
DEFINE_CLEAN(worker, struct worker);

/* `drop(arg)` frees the argument of a task that was freed: once `work` is through, or at
 * once where it had not begun. Where `done` is called, drop is not. */
struct worker_task *worker_start(struct worker *w, worker_fn *work, worker_fn *done,
    worker_fn *drop, void *arg);

/* Before `done`: it will not be called; `drop` will. The handle is gone after `done`. */
void worker_task_free(struct worker_task *t);
DEFINE_CLEAN(worker_task, struct worker_task);

#endif
