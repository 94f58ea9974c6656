// Package diagnostics makes what an owner hands to whoever helps them: some text files in which no camera, person, place
// or address has its name. A Ring keeps the last lines of the log, a Cloak takes out of a text what must not leave the
// house, a Bundle is the files that were shown and the archive of exactly these. It reads nothing of the box itself: what
// goes into the files is package web's to say.
package diagnostics
