// Package law holds the laws of this code base as tests, each with its reason: who may import whom, and what no file
// may contain. It has no code of its own.
//
// A law that stands in the way can be changed here, with a new reason, in the commit that needs it. An exception is a
// line in a list below the law; a line that excuses nothing any more fails, so that the lists stay short.
package law
