// Package index is index.db: where everything lies and what happened when. It is large and rebuildable; the files are
// the truth. Keys are big-endian, so that bbolt's order is that of time.
//
//	meta       name                        → value
//	segments   camera ‖ stream             → bucket: start → row of 140 bytes
//	todo       camera ‖ stream ‖ start     → nothing: a row made from a file's name, its details to be read
//	age        end ‖ camera ‖ stream ‖ start → nothing: footage, oldest first
//	garbage    camera ‖ stream ‖ start     → row: let go of; the file may still be there
//	tombs      camera ‖ stream ‖ start     → segment, previous and last chain hash of a file that is gone
//	heads      camera ‖ stream             → last chain hash of the newest file
//	totals     camera                      → bytes of its files
//	gaps       camera ‖ stream ‖ from      → to, reason
//	days       camera ‖ day                → a bit per minute for footage, then one for motion
//	minutes    camera ‖ hour               → a byte per minute: the highest score of motion, 0 to 255
//	events     camera ‖ start ‖ id         → JSON
//	eventids   id                          → camera ‖ start
//	held       camera ‖ start ‖ id         → end
//	thumbs     camera ‖ event id           → where in which pack
//	removed    camera                      → nothing: its folder is to be removed
//
// Times are microseconds since 1970, UTC. Rows of files that were just finished are kept in memory, found like all
// others, and written with the next Checkpoint; events are durable at once. No transaction lasts longer than it takes
// to copy some rows.
package index
