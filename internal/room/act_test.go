package room_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// actions are all actions of the package, and whether the audit log has them.
var actions = map[string]bool{
	"Create": false, "TakeSeat": false, "LeaveSeat": false, "MoveSeat": false, "Invite": false, "Respond": false, "Cancel": false,
	"SetAudio": false, "SetInfo": false, "Leave": false, "Depart": false, "Expel": false, "Expire": false, "Count": false,
	"SendGift":       false, // anybody's, and kept with the gifts
	"ShowBattle":     false, // kept by the battle
	"ShowConnection": false, // of owners, each for the own room
	"MuteConnection": false, // the other room is not touched

	"MoveUser": true, "PutOnSeat": true, "KickOffSeat": true, "LockSeat": true, "Update": true, "SetMetadata": true, "DeleteMetadata": true,
	"ChangeRole": true, "ModifyAdmins": true, "Ban": true, "Unban": true, "Mute": true, "KickOut": true, "Dismiss": true, "Lapse": true,
	"AddRobots": true, "RemoveRobots": true,
}

// Whoever adds an action decides whether it is something that somebody does by right of a role.
func TestEveryActionIsAnActOrNot(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	acts := source(t, "act.go")
	found := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "actionType" {
				continue
			}
			name := f.Recv.List[0].Type.(*ast.Ident).Name
			found[name] = true
			act, decided := actions[name]
			require.True(t, decided, "%s: does the audit log have it? Say so here, and in Command.Acts if it does", name)
			require.Equal(t, act, strings.Contains(acts, "case "+name) || strings.Contains(acts, ", "+name+":"), name)
		}
	}
	require.Len(t, found, len(actions), "actions that are gone")
}

func source(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// Every field of an Update is in its act, under the wire's name.
func TestActsOfAnUpdate_nameEveryField(t *testing.T) {
	before := then(t, room.State{}, cmd("0", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 10}))
	wire := map[string]string{"maxMembers": "maxMemberCount", "categories": "categoryList", "hidden": "isHidden", "giftDisabled": "isGiftDisabled", "likeDisabled": "isLikeDisabled", "password": "hasPassword"}
	fields := reflect.TypeFor[room.Update]()
	for f := range fields.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		var update room.Update
		secret := fmt.Sprintf(`{"salt":%q,"hash":%q}`, base64.StdEncoding.EncodeToString(make([]byte, room.PasswordSalt)), base64.StdEncoding.EncodeToString(make([]byte, room.PasswordHash)))
		value := map[reflect.Kind]string{reflect.Struct: secret, reflect.String: `"x"`, reflect.Int: "1", reflect.Bool: "true", reflect.Slice: "[7,8]"}[f.Type.Elem().Kind()]
		require.NoError(t, json.Unmarshal([]byte(`{"`+name+`":`+value+`}`), &update))
		c := cmd("1", "owner", update)
		after, events, err := room.Apply(before, c, t0)
		require.NoError(t, err)
		require.NotEmpty(t, events, name)
		acts := c.Acts(before, after, t0)
		require.Len(t, acts, 1, name)
		if name == "messageDisabled" {
			require.Equal(t, signaling.ActMuteAll, acts[0].Kind)
			continue
		}
		if w := wire[name]; w != "" {
			name = w
		}
		require.Equal(t, signaling.ActUpdateRoom, acts[0].Kind)
		require.Equal(t, map[string]string{name: map[string]string{`"x"`: "x", "1": "1", "true": "true", secret: "true", "[7,8]": "7,8"}[value]}, acts[0].Changes)
		require.Empty(t, c.Acts(after, after, t0), "what is so already is no act")
	}
}

// Who an act is by: the member, the app's administrator who called, or nobody for what the room does itself.
func TestActsOperator(t *testing.T) {
	s := stage(t)
	ban := room.Ban{Users: []signaling.UserID{"tom", "tom"}, Duration: time.Hour, Reason: "x"}
	acts := cmd("1", "amy", ban).Acts(s, s, t0)
	require.Equal(t, []signaling.Act{{Time: t0.UnixMilli(), Operator: "amy", Kind: signaling.ActBan, Users: []signaling.UserID{"tom"}, Until: t0.Add(time.Hour).UnixMilli(), Reason: "x"}}, acts)
	app := cmd("1", "owner", ban)
	app.App, app.Origin = true, room.Origin{Operator: "root", IP: "192.0.2.1"}
	acts = app.Acts(s, s, t0)
	require.Equal(t, signaling.UserID("root"), acts[0].Operator)
	require.True(t, acts[0].ByApp)
	itself := room.Command{Action: room.Dismiss{}}
	over, _, err := room.Apply(s, itself, t0)
	require.NoError(t, err)
	require.Equal(t, []signaling.Act{{Time: t0.UnixMilli(), Kind: signaling.ActDismiss}}, itself.Acts(s, over, t0))
	require.Empty(t, itself.Acts(over, over, t0))
}
