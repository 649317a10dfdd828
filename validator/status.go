package validator

import (
	"time"

	"agora/validator/exam"
)

// Status says what a validator does in one subnet.
type Status struct {
	NetUID       uint32         `json:"netuid"`
	Name         string         `json:"name"`
	Created      time.Time      `json:"created"` // the subnet
	Family       string         `json:"family"`
	Voice        int64          `json:"voice"`                 // uid of this validator's voice, -1 where it has none
	Miners       int            `json:"miners"`                // registered
	Connected    int            `json:"connected"`             // of them, to this validator
	Items        uint64         `json:"items"`                 // judged so far
	Settled      bool           `json:"settled"`               // nothing is in doubt: only a trickle of items is sent
	Epoch        uint64         `json:"epoch"`                 // that runs now
	Committed    int64          `json:"committed"`             // last epoch whose weights this program committed, -1 for none
	CommitHeight int64          `json:"commit_height"`         // block of that commit
	Revealed     int64          `json:"revealed"`              // last epoch whose weights it revealed, -1 for none
	Agreement    float64        `json:"agreement"`             // [0, 1]: share of the voice's weights that the last epoch's consensus kept
	Examination  *exam.Progress `json:"examination,omitempty"` // of open models; nil where answers are judged
	Closed       []uint32       `json:"closed,omitempty"`      // uids of servers of open models that gave another model's answers

	LastError string `json:"last_error,omitempty"` // of the latest step, empty where it went well
}
