//go:build !sabotage

package layer

// mixed is where tests plant a fault; here is none.
func mixed(owner string) string { return owner }
