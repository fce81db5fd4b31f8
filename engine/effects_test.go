package engine_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/effects"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// What the others hear is the changed voice, until it is changed back or the room is left. Strong current shifts a hum
// to two other tones.
func TestOthersHearTheEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		guest.Hears(t, host)
		fx, err := host.Room().Microphone().Effects()
		require.NoError(t, err)
		require.NoError(t, fx.SetVoiceChanger(effects.VoiceStrongCurrent))
		guest.HearsNot(t, host)
		again, err := host.Room().Microphone().Effects()
		require.NoError(t, err)
		require.Equal(t, effects.VoiceStrongCurrent, again.VoiceChanger())
		fx.Reset()
		guest.Hears(t, host)

		require.NoError(t, fx.SetVoiceChanger(effects.VoiceStrongCurrent))
		_, err = host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		synctest.Wait() // the guest has heard that the room is over
		host.Start(t, "next room")
		guest.Join(t, "next room")
		guest.Hears(t, host)
	})
}

func TestEffectsNeedAMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		eng, err := engine.Login(t.Context(), srv.EngineConfig(t, 0, "deaf"))
		require.NoError(t, err)
		logout(t, eng)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		_, err = room.Microphone().Effects()
		require.Error(t, err)
	})
}
