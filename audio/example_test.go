package audio_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

func ExampleMixer() {
	alice, bob, out := audio.NewFrame(1), audio.NewFrame(1), audio.NewFrame(1)
	alice[0], bob[0] = 1000, 600

	mixer := audio.NewMixer(1)
	_ = mixer.Add(alice, 100)
	_ = mixer.Add(bob, 50) // turned down by half
	_ = mixer.Mix(out)
	fmt.Println(out[0])
	// Output: 1300
}

func ExampleJitterBuffer() {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	buffer := audio.NewJitterBuffer(audio.JitterConfig{})
	for i := range 6 {
		now := start.Add(time.Duration(i) * audio.FrameDuration)
		if i != 2 { // the network loses this one
			buffer.Push(uint16(i), uint32(i*audio.FrameSamples), i == 0, []byte{byte(i)}, now)
		}
		payload, kind, reset := buffer.Pop(now)
		fmt.Println(kind, payload, reset)
	}
	// Output:
	// Silence [] false
	// Silence [] false
	// Packet [0] true
	// Packet [1] false
	// FEC [3] false
	// Packet [3] false
}

func ExampleLevel() {
	tone := audio.NewFrame(1)
	for i := range tone {
		tone[i] = int16(i % 2 * 2000)
	}
	fmt.Printf("-%d dBov\n", audio.Level(tone))
	// Output: -27 dBov
}

func ExampleWriteWAV() {
	var file bytes.Buffer
	_ = audio.WriteWAV(&file, []int16{1, -2, 3}, 16000, 1)
	wav, err := audio.ReadWAV(file.Bytes())
	fmt.Println(wav.Rate, wav.Samples, err)
	// Output: 16000 [1 -2 3] <nil>
}

func ExampleResample() {
	second := make([]int16, 16000)
	out, err := audio.Resample(second, 16000, audio.SampleRate)
	fmt.Println(len(out), err)
	// Output: 48000 <nil>
}
