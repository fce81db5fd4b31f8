package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// sigLife is how long a UserSig is good. The SDK asks for the next one in time (Config.RenewUserSig).
const sigLife = 24 * time.Hour

// app keeps everything in memory. A real one keeps users, rooms and the ids of callbacks in its database.
type app struct {
	rest  rest.Client
	users map[string]string // passwords by name
	rooms *rooms
	token string
}

func newApp(r rest.Client, users map[string]string, token string) *app {
	return &app{rest: r, users: users, rooms: newRooms(), token: token}
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /usersig", a.known(a.userSig))
	mux.Handle("GET /rooms", a.known(func(w http.ResponseWriter, r *http.Request, _ string) { reply(w, a.rooms.list()) }))
	mux.Handle("POST /rooms", a.known(a.openRoom))
	mux.Handle("DELETE /rooms/{id}", a.known(a.endRoom))
	mux.HandleFunc("POST /callback", a.callback)
	return mux
}

// known lets in who has a name and the password.
func (a *app) known(h func(w http.ResponseWriter, r *http.Request, user string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		want, known := a.users[name]
		got, right := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
		if subtle.ConstantTimeCompare(got[:], right[:]) != 1 || !known {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "name and password are wanted", http.StatusUnauthorized)
			return
		}
		h(w, r, name)
	})
}

// userSig gives a user what their SDK logs in with. The secret never leaves the server.
func (a *app) userSig(w http.ResponseWriter, _ *http.Request, user string) {
	sig, err := usersig.Mint(a.rest.App, a.rest.Secret, signaling.UserID(user), sigLife, time.Now())
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, map[string]any{"sdkAppId": a.rest.App, "userId": user, "userSig": sig, "expiresIn": int(sigLife.Seconds())})
}

// openRoom opens a room of the user's own.
func (a *app) openRoom(w http.ResponseWriter, r *http.Request, user string) {
	var room struct {
		Name  string
		Seats int
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&room); err != nil {
		http.Error(w, `{"name":"Jazz","seats":8} is wanted`, http.StatusBadRequest)
		return
	}
	// Owners are accounts. To import one that is there changes nothing.
	err := a.rest.Call(r.Context(), "im_open_login_svc/account_import", map[string]any{"UserID": user}, nil)
	id := rand.Text()
	if err == nil {
		err = a.rest.Call(r.Context(), "live_engine_http_srv/create_room", map[string]any{"RoomInfo": map[string]any{
			"RoomId": id, "RoomType": "Live", "RoomName": room.Name, "Owner_Account": user,
			"IsSeatEnabled": true, "MaxSeatCount": room.Seats, "TakeSeatMode": "ApplyToTake",
		}}, nil)
	}
	if err != nil {
		fail(w, err)
		return
	}
	a.rooms.opened(id, user)
	reply(w, map[string]string{"roomId": id})
}

// endRoom ends a room of the user's own.
func (a *app) endRoom(w http.ResponseWriter, r *http.Request, user string) {
	id := r.PathValue("id")
	if a.rooms.owner(id) != user {
		http.Error(w, "you have no such room", http.StatusNotFound)
		return
	}
	err := a.rest.Call(r.Context(), "live_engine_http_srv/destroy_room", map[string]any{"RoomId": id}, nil)
	if err != nil && !errors.Is(err, signaling.ErrRoomNotExist) { // it may have ended by itself
		fail(w, err)
		return
	}
	a.rooms.ended(id)
	reply(w, map[string]string{"roomId": id})
}

// subscribe has the voice room server tell this one of its rooms.
func (a *app) subscribe(ctx context.Context, url string) error {
	if err := a.rest.Call(ctx, "voiceroom_console/set_callback_token", map[string]any{"Token": a.token}, nil); err != nil {
		return err
	}
	config := map[string]any{"Url": url, "CallbackCommandList": []string{afterCreateRoom, afterDestroyRoom, memberStateChanged}}
	const exists = 100300 // the callback is set already, perhaps to another address
	err := a.rest.Call(ctx, "live_config/set_callback", config, nil)
	if signaling.CodeOf(err) == exists {
		err = a.rest.Call(ctx, "live_config/update_callback", config, nil)
	}
	return err
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

// fail tells a user that it did not work, and the log why.
func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	status := http.StatusBadGateway
	if errors.Is(err, signaling.ErrBadRequest) || errors.Is(err, signaling.ErrLimit) { // what the user has asked for
		status = http.StatusBadRequest
	}
	http.Error(w, err.Error(), status)
}
