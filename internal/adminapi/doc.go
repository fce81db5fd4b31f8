// Package adminapi is the REST API by which an app's own server looks into its rooms and acts in them: the documents'
// POST /v4/{service}/{command}, with their fields, limits, answers and codes. docs/admin-api.md lists what is there.
//
// It decides nothing. Each command becomes one of package room, decided by the room's home like those of clients, so
// members see what it does as events at once.
package adminapi
