// Package index is index.db: where everything lies and what happened when. It is large and rebuildable; the files are
// the truth. Keys are big-endian, so that their order is that of time. Below it is package layer, which keeps what changed
// last in index.db.journal and the rest in a bbolt database.
//
//	meta       name                        → value
//	rows       of each camera ‖ stream: start → row, see Row.marshal; about 85 bytes
//	packs      the same of packs, of which there are few
//	todo       camera ‖ stream ‖ start     → nothing: a row made from a file's name, its details to be read
//	garbage    camera ‖ stream ‖ start     → row: let go of; the file may still be there
//	heads      camera ‖ stream             → last chain hash of the newest file
//	tails      camera ‖ stream             → start, place of the last checkpoint of the file that is being written
//	totals     camera ‖ volume             → bytes that its files take there
//	gaps       camera ‖ stream ‖ from      → to, reason
//	days       camera ‖ day                → the minutes with footage, as runs or a bitmap
//	minutes    camera ‖ hour               → for each minute the highest score of motion, 1 to 255
//	minutes    camera ‖ ffffffff ‖ hour    → for every ten seconds at how many sensitivities it would have moved, and where
//	events     of each camera: start ‖ id  → event and where its thumbnail is, see stored.marshal; 100 to 300 bytes
//	ids        event id                    → camera ‖ start
//	held       camera ‖ start ‖ id         → end
//	thumbs     camera ‖ event id           → where in which pack, of an event that has not come yet
//	removed    camera                      → nothing: its folder is to be removed
//
// Times are microseconds since 1970, UTC. Rows of files that were just finished are kept in memory, found like all
// others, and written with the next Checkpoint; events are durable at once. No transaction lasts longer than it takes
// to copy some rows.
package index
