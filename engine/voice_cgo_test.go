//go:build cgo

package engine_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/speex"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// desk is a loudspeaker and a microphone that hears it 60 ms later and 10 dB softer.
type desk struct {
	mu  sync.Mutex
	air []audio.Frame // on its way
}

const between = 3 // frames

type deskSpeaker struct {
	*audio.Recorder
	desk *desk
}

func (s deskSpeaker) WriteFrame(ctx context.Context, f audio.Frame) error {
	s.desk.mu.Lock()
	s.desk.air = append(s.desk.air, append(audio.Frame{}, f...))
	s.desk.mu.Unlock()
	return s.Recorder.WriteFrame(ctx, f)
}

type deskMicrophone struct {
	*audio.PCMSource // silence, at its pace
	desk             *desk
}

func (m deskMicrophone) Start(ctx context.Context) error {
	m.desk.mu.Lock()
	defer m.desk.mu.Unlock()
	m.desk.air = nil
	for range between {
		m.desk.air = append(m.desk.air, audio.NewFrame(1))
	}
	return m.PCMSource.Start(ctx)
}

func (m deskMicrophone) ReadFrame(ctx context.Context, f audio.Frame) error {
	if err := m.PCMSource.ReadFrame(ctx, f); err != nil {
		return err
	}
	m.desk.mu.Lock()
	defer m.desk.mu.Unlock()
	if len(m.desk.air) > 0 {
		for i, v := range m.desk.air[0] {
			f[i] = int16(float64(v) * 0.3)
		}
		m.desk.air = m.desk.air[1:]
	}
	return nil
}

// A host speaks to somebody without a headset, and hears himself come back: how loud, in dBov.
func comesBack(t *testing.T, voice *speex.Processor) (level float64) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		c := srv.EngineConfig(t, 0, "host")
		speaker := audio.NewRecorder(1)
		c.Microphone, c.Speaker = audio.NewPCMSource(speech.Host(), audio.PCMOptions{Loop: true}), speaker
		eng, err := engine.Login(t.Context(), c)
		require.NoError(t, err)
		logout(t, eng)
		host := seatgrid.New(eng)
		_, err = host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		require.NoError(t, host.StartMicrophone(t.Context()))
		d := &desk{}
		seatWith(t, srv, host, func(c *engine.Config) {
			c.Microphone = deskMicrophone{audio.NewSilenceSource(), d}
			c.Speaker = deskSpeaker{audio.NewRecorder(1), d}
			if voice != nil {
				c.VoiceProcessor = voice
			}
		})
		time.Sleep(10 * time.Second) // virtual
		before := len(speaker.Samples())
		time.Sleep(10 * time.Second)
		var sum float64
		heard := speaker.Samples()[before:]
		for _, v := range heard {
			sum += float64(v) * float64(v)
		}
		level = 10 * math.Log10(sum/float64(len(heard))/(32767*32767)+1e-12)
	})
	return level
}

func TestEchoIsTakenOutOfACall(t *testing.T) {
	voice, err := speex.New(speex.Options{})
	require.NoError(t, err)
	defer voice.Close()
	with, without := comesBack(t, voice), comesBack(t, nil)
	t.Logf("%.1f dBov with, %.1f without", with, without)
	require.InDelta(t, -35, without, 4, "10 dB below what was said")
	require.Less(t, with, without-15)
}
