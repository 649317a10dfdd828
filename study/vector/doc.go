// Package vector plays recorded epochs: it reads files of cases (parameters, a
// first state, and steps that change the state and run an epoch), computes every
// epoch with package yuma, and writes the stored values as JSON. The format is
// described in docs/epoch.md.
package vector
