#include <sys/prctl.h>

// How late a sleep may end, in nanoseconds.
#define PATIENCE 5000000UL

// Each time that a Go program wakes up, its runtime's watcher looks after the threads every 20 microseconds at first.
// For a worker that decodes one key frame and sleeps again that is a seventh of its time, for nothing. With the
// kernel's timer slack these sleeps become longer. Threads inherit it from the one that makes them, and the watcher
// begins before any code of ours: so it is set before Go's runtime starts.
__attribute__((constructor)) static void be_patient(void)
{
	(void)prctl(PR_SET_TIMERSLACK, PATIENCE, 0, 0, 0);
}
