package ledger

import (
	"os"
	"testing"

	"agora/gateway/ledger/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}
