// Package wallet keeps hot keys: the ed25519 keys that are a program's identity on the network. A hot key can never move
// money; cold keys, which can, stay in the standard keyring.
//
// A key file is JSON, mode 0600, and locked with a passphrase (Argon2id, XChaCha20-Poly1305), or open ("kdf":"none") for
// a daemon that starts unattended.
package wallet
