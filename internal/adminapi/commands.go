package adminapi

// commands are what can be called, with the documents' rates.
var commands = map[string]command{
	"live_engine_http_srv/create_room":            handle(200, (*API).createRoom),
	"live_engine_http_srv/destroy_room":           handle(200, (*API).destroyRoom),
	"live_engine_http_srv/update_room_info":       handle(200, (*API).updateRoomInfo),
	"live_engine_http_srv/get_room_info":          handle(200, (*API).getRoomInfo),
	"live_engine_http_srv/get_room_list":          handle(10, (*API).getRoomList),
	"live_engine_http_srv/get_room_metadata":      handle(200, (*API).getRoomMetadata),
	"live_engine_http_srv/set_room_metadata":      handle(200, (*API).setRoomMetadata),
	"live_engine_http_srv/del_room_metadata":      handle(200, (*API).delRoomMetadata),
	"live_engine_http_srv/mute_member":            handle(200, (*API).muteMember),
	"live_engine_http_srv/get_muted_member_list":  handle(200, (*API).getMutedMemberList),
	"live_engine_http_srv/ban_member":             handle(200, (*API).banMember),
	"live_engine_http_srv/unban_member":           handle(200, (*API).unbanMember),
	"live_engine_http_srv/get_banned_member_list": handle(200, (*API).getBannedMemberList),
	"live_engine_http_srv/get_admin_list":         handle(200, (*API).getAdminList),
	"live_engine_http_srv/modify_admin":           handle(200, (*API).modifyAdmin),
	"live_engine_http_srv/get_member_list":        handle(200, (*API).getMemberList),
	"live_engine_http_srv/search_room_member":     handle(2, (*API).searchRoomMember),

	"room_engine_http_mic/get_seat_list":      handle(200, (*API).getSeatList),
	"room_engine_http_mic/pick_user_on_seat":  handle(200, (*API).pickUserOnSeat),
	"room_engine_http_mic/kick_user_off_seat": handle(200, (*API).kickUserOffSeat),
	"room_engine_http_mic/lock_seat":          handle(200, (*API).lockSeat),

	"live_engine_http_pk/create_battle":    handle(200, (*API).createBattle),
	"live_engine_http_pk/set_battle_score": handle(200, (*API).setBattleScore),
	"live_engine_http_pk/get_battle_info":  handle(200, (*API).getBattleInfo),

	"im_open_login_svc/account_import":      loginCommand(200, (*API).accountImport),
	"im_open_login_svc/multiaccount_import": loginCommand(100, (*API).multiaccountImport),
	"im_open_login_svc/account_check":       loginCommand(100, (*API).accountCheck),

	"profile/portrait_set": profileCommand(200, (*API).portraitSet),
	"profile/portrait_get": profileCommand(200, (*API).portraitGet),

	"voiceroom_console/account_delete":        handle(10, (*API).accountDelete),
	"voiceroom_console/account_export":        handle(2, (*API).accountExport),
	"voiceroom_console/set_app_admin":         handle(10, (*API).setAppAdmin),
	"voiceroom_console/unset_app_admin":       handle(10, (*API).unsetAppAdmin),
	"voiceroom_console/get_app_admins":        handle(10, (*API).getAppAdmins),
	"voiceroom_console/declare_profile_field": handle(10, (*API).declareProfileField),
	"voiceroom_console/delete_profile_field":  handle(10, (*API).deleteProfileField),
	"voiceroom_console/get_profile_fields":    handle(10, (*API).getProfileFields),

	"voiceroom_console/get_auto_dismiss": handle(10, (*API).getAutoDismiss),
	"voiceroom_console/set_auto_dismiss": handle(10, (*API).setAutoDismiss),

	"live_config/get_callback":             handle(200, (*API).getCallback),
	"live_config/set_callback":             handle(200, (*API).setCallback),
	"live_config/update_callback":          handle(200, (*API).updateCallback),
	"live_config/delete_callback":          handle(200, (*API).deleteCallback),
	"voiceroom_console/set_callback_token": handle(10, (*API).setCallbackToken),
	"voiceroom_console/list_deliveries":    handle(2, (*API).listDeliveries),
	"voiceroom_console/get_delivery":       handle(2, (*API).getDelivery),
	"voiceroom_console/replay_deliveries":  handle(2, (*API).replayDeliveries),
}
