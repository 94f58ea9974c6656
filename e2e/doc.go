// Package e2e tests the whole program from outside: the built bin/hearth as a process, real RTSP servers, a real
// browser. It imports nothing that hearth itself would not let a stranger see, except the reader of the marks in
// simulated pictures.
package e2e
