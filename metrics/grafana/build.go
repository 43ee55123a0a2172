package grafana

import "strconv"

// tag marks our dashboards, for the links between them.
const tag = "cobox"

// source is the data source that the variable of that name holds.
func source() Datasource { return Datasource{Type: "prometheus", UID: "${datasource}"} }

// newDashboard returns a dashboard without panels.
func newDashboard(uid, title, description, from string, variables ...Variable) Dashboard {
	return Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{tag},
		SchemaVersion: schemaVersion, Version: 1, Editable: true, GraphTooltip: 1, Timezone: "browser",
		Refresh: "1m", Time: TimeRange{From: from, To: "now"},
		Templating: Templating{List: append([]Variable{{
			Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus", Refresh: 1,
		}}, variables...)},
		Annotations: Annotations{List: []struct{}{}},
		Links: []Link{{
			Title: "CoBox", Type: "dashboards", Tags: []string{tag}, AsDropdown: true, IncludeVars: true, KeepTime: true,
			Icon: "external link",
		}},
	}
}

// A layout puts panels from left to right, and begins a new line when one is full.
type layout struct {
	panels []Panel
	x, y   int
	line   int // the height of the line so far
}

// columns is the width of Grafana's grid.
const columns = 24

// add puts a panel of w columns and h lines at the next place.
func (l *layout) add(w, h int, p Panel) {
	if l.x+w > columns {
		l.x, l.y, l.line = 0, l.y+l.line, 0
	}
	p.ID = len(l.panels) + 1
	p.GridPos = GridPos{H: h, W: w, X: l.x, Y: l.y}
	l.panels = append(l.panels, p)
	l.x, l.line = l.x+w, max(l.line, h)
}

// row puts a heading on a line of its own.
func (l *layout) row(title string) {
	l.x = columns
	l.add(columns, 1, Panel{Type: "row", Title: title, Collapsed: new(bool), Panels: []Panel{}})
}

// A query is what a panel asks, and what it calls the answer.
type query struct {
	expr   string
	legend string
}

// panel returns a panel of a type that asks Prometheus.
func panel(kind, title, description, unit string, queries ...query) Panel {
	ds := source()
	p := Panel{
		Type: kind, Title: title, Description: description, Datasource: &ds,
		FieldConfig: &FieldConfig{Defaults: Field{Unit: unit}, Overrides: []Override{}},
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, Target{
			RefID: refID(i), Datasource: ds, Expr: q.expr, LegendFormat: q.legend,
			Range: true, Format: "time_series", EditorMode: "code",
		})
	}
	return p
}

// refID names queries A, B, C, as Grafana does.
func refID(i int) string {
	if i >= 26 {
		return "Q" + strconv.Itoa(i)
	}
	return string(rune('A' + i))
}

// graph is a panel of lines over time.
func graph(title, description, unit string, queries ...query) Panel {
	p := panel("timeseries", title, description, unit, queries...)
	p.FieldConfig.Defaults.Custom = map[string]any{"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked is a graph whose lines lie upon one another.
func stacked(title, description, unit string, queries ...query) Panel {
	p := graph(title, description, unit, queries...)
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 60
	return p
}

// stat is a panel of one large figure.
func stat(title, description, unit string, q query, steps ...Step) Panel {
	p := instant(panel("stat", title, description, unit, q))
	if len(steps) == 0 {
		steps = []Step{{Color: "blue"}}
	}
	p.FieldConfig.Defaults.Thresholds = &Thresholds{Mode: "absolute", Steps: steps}
	p.FieldConfig.Defaults.Color = &Color{Mode: "thresholds"}
	p.Options = map[string]any{
		"reduceOptions": map[string]any{"values": false, "calcs": []string{"lastNotNull"}, "fields": ""},
		"colorMode":     "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
	}
	return p
}

// timeline shows states over time, one bar a line.
func timeline(title, description string, words []Mapping, queries ...query) Panel {
	p := panel("state-timeline", title, description, "", queries...)
	p.FieldConfig.Defaults.Mappings = words
	p.FieldConfig.Defaults.Color = &Color{Mode: "thresholds"}
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 80, "lineWidth": 0}
	p.Options = map[string]any{
		"mergeValues": true, "showValue": "never", "rowHeight": 0.9, "alignValue": "left",
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	return p
}

// table shows the newest answers as one table: the queries' rows of equal labels
// become one row. The columns in hide, and the time, are left out.
func table(title, description string, hide []string, overrides []Override, queries ...query) Panel {
	p := instant(panel("table", title, description, "", queries...))
	for i := range p.Targets {
		p.Targets[i].Format = "table"
	}
	p.FieldConfig.Overrides = overrides
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "auto", "cellOptions": map[string]any{"type": "auto"}, "inspect": false}
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm"}
	exclude := map[string]bool{"Time": true}
	for _, name := range hide {
		exclude[name] = true
	}
	p.Transformations = []Transformation{
		{ID: "merge", Options: map[string]any{}},
		{ID: "organize", Options: map[string]any{"excludeByName": exclude, "indexByName": map[string]int{}, "renameByName": map[string]string{}}},
	}
	return p
}

// sortedBy sorts a table, the largest first.
func sortedBy(column string, p Panel) Panel {
	p.Options["sortBy"] = []map[string]any{{"displayName": column, "desc": true}}
	return p
}

// instant makes the panel ask for the newest values alone.
func instant(p Panel) Panel {
	for i := range p.Targets {
		p.Targets[i].Instant, p.Targets[i].Range = true, false
	}
	return p
}

// column names a table's column and says how it is shown.
func column(field, title, unit string, more ...Property) Override {
	o := Override{Matcher: Matcher{ID: "byName", Options: field}, Properties: []Property{{ID: "displayName", Value: title}}}
	if unit != "" {
		o.Properties = append(o.Properties, Property{ID: "unit", Value: unit})
	}
	o.Properties = append(o.Properties, more...)
	return o
}

// from returns the colour from v on.
func from(v float64, color string) Step { return Step{Color: color, Value: &v} }

// words maps values to words, in order: "0", "fine", "green".
func words(list ...[3]string) []Mapping {
	m := Mapping{Type: "value", Options: make(map[string]Word)}
	for i, w := range list {
		m.Options[w[0]] = Word{Text: w[1], Color: w[2], Index: i}
	}
	return []Mapping{m}
}

// severities are the words for box:cobox_severity:max.
func severities() []Mapping {
	return words([3]string{"0", "fine", "green"}, [3]string{"1", "look soon", "yellow"}, [3]string{"2", "failed", "red"}, [3]string{"3", "silent", "purple"})
}

// coloured gives a column's cells their background.
func coloured() Property {
	return Property{ID: "custom.cellOptions", Value: map[string]any{"type": "color-background", "mode": "basic"}}
}

// between bounds a panel's axis.
func between(low, high float64, p Panel) Panel {
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = &low, &high
	return p
}
