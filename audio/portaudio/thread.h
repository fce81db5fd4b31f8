#ifndef OVR_THREAD_H
#define OVR_THREAD_H

#include <portaudio.h>
#include <stdint.h>

// ovr_line is what the card's thread knows of a line: places in memory that it shares with the program. See thread.c.
typedef struct {
	uint64_t *head, *tail; // of the ring; the reader's and the writer's
	uint64_t *beats;       // calls of the thread
	uint64_t *missed;      // calls in which something was lost (captured) or missing (played)
	uint64_t *period;      // frames in the largest call
	uint64_t *fed;         // not 0: there has been something to play
	int16_t *buf;
	uint64_t mask; // samples in buf, a power of two, less 1
	uint64_t channels;
	int output; // not 0: it plays
	PaStream *stream;
} ovr_line;

// ovr_new returns an empty line, or NULL; ovr_free is for when the thread calls no more.
ovr_line *ovr_new(void);
void ovr_free(ovr_line *l);

// These are PortAudio's functions for the line's stream, which has 16 bits and a thread that does what is in thread.c.
PaError ovr_open(ovr_line *l, PaDeviceIndex device, double rate, double latency);
PaError ovr_start(ovr_line *l);
double ovr_latency(ovr_line *l); // in seconds
PaError ovr_close(ovr_line *l);

// ovr_call does with some frames what the card's thread does. trouble is the card's.
void ovr_call(ovr_line *l, int16_t *samples, unsigned long frames, int trouble);

#endif
