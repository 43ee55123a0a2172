package build

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"cobox/appliance/release"
)

// A document is a bill of materials in CycloneDX 1.6, of which it has what is known
// here. It names no time and no serial number: the same image has the same one.
type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
	DependsOn  []depends   `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string    `json:"type"`
	Ref     string    `json:"bom-ref"`
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	PURL    string    `json:"purl,omitempty"`
	Hashes  []hashSum `json:"hashes,omitempty"`
	About   string    `json:"description,omitempty"`
	Props   []prop    `json:"properties,omitempty"`
}

type hashSum struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type prop struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// sbom lists every program in the image with the modules that it was built from, as
// the programs themselves say, and every file that was taken as it is.
func (s *source) sbom(b *Board, system release.System, programs map[string][]byte) ([]byte, error) {
	top := component{Type: "firmware", Ref: "image", Name: system.Product + "-" + b.Name, Version: system.Name}
	d := document{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{top}}
	parts := make(map[string]component)
	all := depends{Ref: top.Ref}
	for _, path := range slices.Sorted(maps.Keys(programs)) {
		c, on, err := programComponent(path, programs[path], parts)
		if err != nil {
			return nil, err
		}
		parts[c.Ref] = c
		d.DependsOn = append(d.DependsOn, depends{c.Ref, on})
		all.On = append(all.On, c.Ref)
	}
	byModule := make(map[string][]used)
	for _, u := range s.used {
		byModule[u.module.Path] = append(byModule[u.module.Path], u)
	}
	for _, path := range slices.Sorted(maps.Keys(byModule)) {
		m := byModule[path][0].module
		c := moduleComponent(m.Path, m.Version, m.Sum)
		c.Type, c.About = "firmware", "files on the boot volume"
		if path == b.kernel {
			c.Type = "operating-system"
			c.Props = append(c.Props, prop{"cobox:kernel", b.release})
		}
		parts[c.Ref] = c
		var on []string
		for _, u := range byModule[path] {
			f := fileComponent(u.name, u.data)
			f.Ref = c.Ref + "#" + u.name
			parts[f.Ref] = f
			on = append(on, f.Ref)
		}
		d.DependsOn = append(d.DependsOn, depends{c.Ref, on})
		all.On = append(all.On, c.Ref)
	}
	d.DependsOn = append([]depends{all}, d.DependsOn...)
	d.Components = slices.SortedFunc(maps.Values(parts), func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	text, err := json.MarshalIndent(d, "", " ")
	return append(text, '\n'), err
}

// programComponent returns a program, and what it depends on; it adds that to parts.
func programComponent(path string, data []byte, parts map[string]component) (c component, on []string, err error) {
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return c, nil, fmt.Errorf("what %s was built from: %w", path, err)
	}
	c = fileComponent("/"+path, data)
	c.Type, c.Ref, c.About = "application", "/"+path, info.Path
	std := component{Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), About: "Go's standard library"}
	std.PURL = "pkg:golang/std@" + std.Version
	std.Ref = std.PURL
	parts[std.Ref] = std
	on = []string{std.Ref}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		mc := moduleComponent(m.Path, m.Version, m.Sum)
		parts[mc.Ref] = mc
		on = append(on, mc.Ref)
	}
	return c, on, nil
}

func moduleComponent(path, version, sum string) component {
	c := component{Type: "library", Name: path, Version: version}
	c.PURL = "pkg:golang/" + escape(path) + "@" + url.QueryEscape(version)
	c.Ref = c.PURL
	if sum != "" {
		c.Props = []prop{{"cobox:go.sum", sum}}
	}
	return c
}

func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func fileComponent(name string, data []byte) component {
	sum := sha256.Sum256(data)
	return component{Type: "file", Name: name, Hashes: []hashSum{{"SHA-256", hex.EncodeToString(sum[:])}}}
}
