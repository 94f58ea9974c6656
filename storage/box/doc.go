// Package box keeps hearth.db, the small and precious file of an appliance: settings, cameras, people, sessions,
// grants, the cameras' wrapped keys and the audit log. What footage there is lies elsewhere and can be indexed anew;
// this file cannot be made again, so it is made in one step, never written over when damaged, and every change is
// durable when the call returns.
//
// Settings, cameras and wrapped keys are read and written here. People, sessions, grants and the audit log belong to
// package access, which uses View and Update on its own buckets.
package box
