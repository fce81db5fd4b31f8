// Package recording records a voice room: a track for each seat, the mix of all, and what happened.
//
//	rec, err := recording.Start(grid, recording.Options{Dir: "evening", Codec: opus.Codec})
//	...
//	err = rec.Stop()
//
// In the folder are then
//
//	seat-00.opus, seat-01.opus, ...   what was said on that seat, as it came: nothing is decoded, so no codec is needed
//	mix.opus                          all of them together, if there is a codec
//	events.jsonl                      a line of JSON for each event (voiceroom.Event), with the second at which it was
//
// All files begin at the same moment and keep the same time, so that they can be laid on top of each other. A seat's file
// begins when somebody is first heard on it, with the silence before that. What was lost on the way is left to the player's
// decoder to conceal.
//
// Files are written as time goes on, one second and a little late, so that packets which are late or had to be repaired have
// their place. What is written is playable at any moment: of a program that is killed, all but the last second and a half is there.
// A disk that stands still for longer than that costs what is said meanwhile: it is silence, and counted in events.jsonl and
// by [Recorder.Err].
//
// A room's server sends at most ten speakers at a time; of more, the loudest are recorded.
package recording
