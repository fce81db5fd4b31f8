package server

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// listAudience asks the room's home, which alone knows who came when.
func (ses *session) listAudience(ctx context.Context, p signaling.RoomParams) (signaling.AudienceList, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.AudienceList{}, err
	}
	return ses.srv.node.Audience(ctx, m.replica.key)
}
