package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static templates
var files embed.FS

// asset is one embedded file, with the address under which a browser may keep it for good.
type asset struct {
	body []byte
	kind string
	hash string
}

var assets = loadAssets()

func loadAssets() map[string]asset {
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	all := map[string]asset{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		kind := kinds[path.Ext(name)]
		if err != nil || kind == "" {
			return err
		}
		body, err := files.ReadFile(name)
		sum := sha256.Sum256(body)
		all[strings.TrimPrefix(name, "static/")] = asset{body, kind, hex.EncodeToString(sum[:])}
		return err
	})
	if err != nil { // the files are part of the program
		panic(err)
	}
	return all
}

// assetURL is the address of a file, which changes with its content.
func assetURL(name string) string { return "/static/" + name + "?v=" + assets[name].hash[:12] }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	keep := "no-cache"
	if v := r.URL.Query().Get("v"); v != "" && strings.HasPrefix(a.hash, v) {
		keep = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", keep)
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("ETag", `"`+a.hash[:16]+`"`)
	if r.Header.Get("If-None-Match") == `"`+a.hash[:16]+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body) // a browser that left needs no answer
}

func parsePages() map[string]*template.Template {
	pages := map[string]*template.Template{}
	for _, name := range []string{"home", "subnet", "miner", "models", "model", "validators", "money", "try", "error"} {
		pages[name] = template.Must(template.New(name).Funcs(words).
			ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return pages
}
