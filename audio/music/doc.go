// Package music plays sound files into frames: one long piece at a time, and short sounds beside it. It knows neither
// rooms nor networks.
//
//	p := music.New(music.Config{Local: true})
//	err := p.Start(music.Options{ID: 1, Path: "song.mp3", Loops: -1})
//	for { // every 20 ms
//		p.Local().Mix(mixer)
//		...
//	}
//
// What is heard here and what is sent are two outputs. Each reads the file for itself, at the pace of whoever asks it
// for frames, so the clocks of two sound cards need not agree; the sent one follows when it is more than 100 ms off.
//
// Concurrency: one goroutine calls Mix of one output; it never allocates, waits or reads a file: that is done ahead, on
// goroutines that Close waits for. Everything else may be called from anywhere.
package music
