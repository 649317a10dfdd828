package scenario

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	sdk "github.com/cosmos/cosmos-sdk/types"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Digest is that of the weights called name.
func Digest(name string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("weights/"+name)))
}

// salt is what who hides the weights called name with.
func salt(who, name string) []byte {
	sum := sha256.Sum256([]byte("salt/" + who + "/" + name))
	return sum[:modeltypes.MinSalt]
}

func makeDevise(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	author := Account(who).String()
	hash := modeltypes.CommitHash(ChainID, n, author, Digest(words[0]), salt(who, words[0]))
	return &modeltypes.MsgCommitModel{Author: author, Netuid: n, Hash: hash[:]}, err
}

func makeUnveil(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	if err != nil {
		return nil, err
	}
	s, err := settings(words[1:])
	msg := &modeltypes.MsgPublishModel{
		Author: Account(who).String(), Netuid: n, Digest: Digest(words[0]), Salt: salt(who, words[0]), Name: words[0], Licence: "MIT",
		Format: modeltypes.GGUF, Bytes: 1_000_000, Parameters: 1_000_000,
	}
	if err == nil && s["bytes"] != "" {
		msg.Bytes, err = strconv.ParseUint(s["bytes"], 10, 64)
	}
	if s["licence"] != "" {
		msg.Licence = s["licence"]
	}
	if s["name"] != "" {
		msg.Name = s["name"]
	}
	return msg, err
}

func makeFree(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	msg := &modeltypes.MsgListCommons{Sender: Account(who).String(), Netuid: n}
	for _, name := range words {
		msg.Digests = append(msg.Digests, Digest(name))
	}
	return msg, err
}

func makeRetire(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &modeltypes.MsgRetireModel{Author: Account(who).String(), Netuid: n, Digest: Digest(words[0])}, err
}

func makeRemove(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	return &modeltypes.MsgRemoveModel{Sender: Account(who).String(), Netuid: n, Digest: Digest(words[0])}, err
}

func makeServe(w *World, who string, words []string) (sdk.Msg, error) {
	n, err := w.netuid()
	card := subnettypes.ModelCard{Name: words[0], Licence: "MIT", Input: "text", Output: "text", Digest: Digest(words[0])}
	return &subnettypes.MsgSetModel{HotAccount: hotAccount(who), Netuid: n, Card: card}, err
}

// published tells whether the subnet spoken of lists the weights of that name.
func published(w *World, name string) (figure, error) {
	n, err := w.netuid()
	if err != nil {
		return figure{}, err
	}
	_, err = w.App.Model.Model(w.Ctx(), n, Digest(name))
	return truth(err == nil), nil
}

// income is what a person got as an author in the subnet spoken of, in TAO.
func income(w *World, who string) (figure, error) {
	n, err := w.netuid()
	if err != nil {
		return figure{}, err
	}
	got, author := uint64(0), Account(who).String()
	err = w.App.Model.EachModel(w.Ctx(), n, func(m modeltypes.Model) (bool, error) {
		if m.Author == author {
			got += m.EarnedAuthor
		}
		return false, nil
	})
	return rao(got), err
}
