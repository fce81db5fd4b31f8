// Package bot is a member of a room that nobody sits in front of: it plays files, announces what happens, says and hears raw
// sound, records, lets people onto the seats and writes down what happens, until there is nothing left to do.
//
//	end, err := bot.Run(ctx, bot.Config{Login: login, Room: room, Play: []string{"evening.mp3"}, Loop: true})
//
// It uses what any client uses. With a codec everything is mixed; without one (Config.Login.Codec is nil) Ogg Opus files are
// sent as they are, one after another.
package bot
