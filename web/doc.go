// Package web is how people reach the box: HTTPS, the API under /api/v1 (described by an OpenAPI document that is made
// from the Go types), live video over WebSocket, and the page.
//
// Every route stands in one table with the door that leads to it: which camera, which verb. Door by door a request is
// let in at one place (door.go), by a session and by what access.Authorize says at that moment; a handler gets the
// grant and has no other way to a camera. A route without a door keeps the server from starting, and what is not in
// the table is not there. Who is not let in gets the answer of something that does not exist.
package web
