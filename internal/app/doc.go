// Package app wires Countersign together: it reads the settings, makes the
// parts, starts them in one straight line and stops them in the reverse order.
// It holds no logic of its own about incidents.
package app
