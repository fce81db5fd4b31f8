package adminapi

import "context"

// Where the app is asked before a chat message is said: get_moderation, set_moderation. The documents have no like.

// The values of OnNoAnswer.
const (
	noAnswerAllow  = "allow"
	noAnswerRefuse = "refuse"
)

type moderationInfo struct {
	URL        string `json:"Url"`
	OnNoAnswer string
}

func (a *API) getModeration(ctx context.Context, who caller, _ struct{}) (any, error) {
	url, refuse, err := a.cfg.Callbacks.Moderation(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ans := moderationInfo{URL: url, OnNoAnswer: noAnswerAllow}
	if refuse {
		ans.OnNoAnswer = noAnswerRefuse
	}
	return ans, nil
}

type moderationParams struct {
	URL        *string `json:"Url"`
	OnNoAnswer string
}

func (a *API) setModeration(ctx context.Context, who caller, p moderationParams) (any, error) {
	if p.URL == nil {
		return nil, missing("Url", "where the app is asked about chat messages, http://host or https://host, or \"\" to ask no more")
	}
	switch p.OnNoAnswer {
	case "", noAnswerAllow, noAnswerRefuse:
	default:
		return nil, refuse(codeParameter, "OnNoAnswer is %.20q; it is %s (default) or %s", p.OnNoAnswer, noAnswerAllow, noAnswerRefuse)
	}
	return nil, a.cfg.Callbacks.SetModeration(ctx, who.app, *p.URL, p.OnNoAnswer == noAnswerRefuse)
}
