package wire

// Codes with which a hub ends a session, so that the miner can say why.
const (
	codeReplaced   = 0x10 // the same hot key connected again
	codeNotAllowed = 0x11 // the directory no longer lists the key
	codeShutdown   = 0x12 // the hub closes
)
