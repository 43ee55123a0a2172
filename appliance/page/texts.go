package page

import (
	"strings"

	"cobox/appliance/health"

	xlanguage "golang.org/x/text/language"
)

// A language is one that the page speaks.
type language struct{ tag string }

var languages = [...]language{{"en"}, {"de"}}

// spoken are the languages as the library of browsers' wishes knows them. The first
// is for all others.
var spoken = xlanguage.NewMatcher([]xlanguage.Tag{xlanguage.English, xlanguage.German})

// choose returns the language that a browser wishes most (Accept-Language).
func choose(wish string) language {
	_, i := xlanguage.MatchStrings(spoken, wish)
	return languages[i]
}

func (l language) in(t health.Text) string { return t.In(l.tag) }

// say returns a text with {name} replaced by what follows it in figures.
func (l language) say(name string, figures ...string) string {
	t, ok := texts[name]
	if !ok {
		panic("page: there is no text " + name)
	}
	pairs := make([]string, len(figures))
	for i, f := range figures {
		if i%2 == 0 {
			f = "{" + f + "}"
		}
		pairs[i] = f
	}
	return strings.NewReplacer(pairs...).Replace(l.in(t))
}

// texts is all that the page says by itself; what checks say is in package health.
var texts = map[string]health.Text{
	"language":  {EN: "English", DE: "Deutsch"},
	"title":     {EN: "CoBox {host}", DE: "CoBox {host}"},
	"nameless":  {EN: "a box without a name", DE: "eine Box ohne Namen"},
	"of":        {EN: "A CoBox keeps other organisations’ backups, and cannot read them.", DE: "Eine CoBox verwahrt Backups anderer Organisationen und kann sie nicht lesen."},
	"todo":      {EN: "What to do", DE: "Was zu tun ist"},
	"day":       {EN: "The last day", DE: "Der letzte Tag"},
	"checks":    {EN: "All checks", DE: "Alle Prüfungen"},
	"about":     {EN: "About this page", DE: "Zu dieser Seite"},
	"languages": {EN: "Language", DE: "Sprache"},

	// Nobody owns it.
	"unpaired":      {EN: "Waiting for its owner", DE: "Wartet auf ihre Besitzer"},
	"unpaired-lead": {EN: "This box works, and nobody owns it yet. Whoever has its label can make it theirs; the time left for that is {window}.", DE: "Diese Box läuft und gehört noch niemandem. Wer ihr Etikett hat, kann sie übernehmen; verbleibende Zeit: {window}."},
	"closed":        {EN: "Unplug it and plug it in again", DE: "Bitte aus- und wieder einstecken"},
	"closed-lead":   {EN: "This box works, and nobody owns it yet. For safety it can be taken over only soon after it was switched on, and that time is over.", DE: "Diese Box läuft und gehört noch niemandem. Aus Sicherheitsgründen lässt sie sich nur kurz nach dem Einschalten übernehmen, und diese Zeit ist vorbei."},
	"step-replug":   {EN: "Pull the power plug, wait for ten seconds, and plug it in again. The box needs about two minutes.", DE: "Netzstecker ziehen, zehn Sekunden warten und wieder einstecken. Die Box braucht etwa zwei Minuten."},
	"step-computer": {EN: "Take a computer that is in the same network as the box, and put the program coboxctl on it.", DE: "Einen Rechner im selben Netz wie die Box nehmen und darauf das Programm coboxctl einrichten."},
	"step-pair":     {EN: "Run there, in a terminal:", DE: "Dort in einem Terminal aufrufen:"},
	"step-code":     {EN: "It asks for the code on the label of the box. Type it there, or give it a photo of the label.", DE: "Es fragt nach dem Code auf dem Etikett der Box. Dort eintippen oder ihm ein Foto des Etiketts geben."},
	"step-look":     {EN: "Load this page again: it says then that the box has an owner.", DE: "Diese Seite neu laden: Sie sagt dann, dass die Box jemandem gehört."},
	"never-code":    {EN: "Never type the code into a web page, not into this one either: it never asks for it. Anybody in this network could fake this page.", DE: "Den Code nie in eine Webseite eintippen, auch nicht in diese: Sie fragt nie danach. Alle in diesem Netz könnten diese Seite fälschen."},
	"no-code":       {EN: "This box was never given a code", DE: "Diese Box hat nie einen Code bekommen"},
	"no-code-lead":  {EN: "Without a pairing code it cannot become anybody’s.", DE: "Ohne Code zum Koppeln kann sie niemandem gehören."},
	"step-flash":    {EN: "Make a new card for it, which gives it a code and a label: run “mkimage” on a computer.", DE: "Eine neue Karte für sie schreiben, die ihr einen Code und ein Etikett gibt: auf einem Rechner „mkimage“ aufrufen."},
	"damaged":       {EN: "This box does not know whose it is", DE: "Diese Box weiß nicht mehr, wem sie gehört"},
	"damaged-lead":  {EN: "What says who owns it cannot be read any more. It obeys nobody, for safety, and keeps what it has.", DE: "Was darüber Auskunft gibt, lässt sich nicht mehr lesen. Zur Sicherheit gehorcht sie niemandem und behält, was sie hat."},
	"step-reset":    {EN: "Make a reset card on a computer (“mkimage reset-card”): it prints a new label.", DE: "Auf einem Rechner eine Reset-Karte schreiben („mkimage reset-card“): Dabei entsteht ein neues Etikett."},
	"step-insert":   {EN: "Switch the box off, put the card in, and switch it on again. Then pair it with the new label.", DE: "Box ausschalten, Karte einsetzen, wieder einschalten. Danach mit dem neuen Etikett koppeln."},
	"retired":       {EN: "Out of service", DE: "Außer Dienst"},
	"retired-lead":  {EN: "Its operators have retired this box. It takes in nothing any more.", DE: "Die Betreuung hat diese Box außer Dienst gestellt. Sie nimmt nichts mehr auf."},
	"step-retired":  {EN: "Leave it on until its operators say that it may go.", DE: "Eingeschaltet lassen, bis die Betreuung sie freigibt."},

	// Somebody does.
	"fine":            {EN: "All is well", DE: "Alles in Ordnung"},
	"fine-lead":       {EN: "The box works, and everything that it looked at is fine.", DE: "Die Box läuft, und alles, was sie prüft, ist in Ordnung."},
	"fine-step":       {EN: "Nothing. Leave it switched on and connected to the network.", DE: "Nichts. Einfach eingeschaltet und am Netz lassen."},
	"warning":         {EN: "It works, but somebody should look soon", DE: "Sie läuft, aber jemand sollte bald nachsehen"},
	"warning-lead":    {EN: "{n} things need a person within the next days.", DE: "{n} Dinge brauchen in den nächsten Tagen einen Menschen."},
	"warning-one":     {EN: "One thing needs a person within the next days.", DE: "Eine Sache braucht in den nächsten Tagen einen Menschen."},
	"failed":          {EN: "It needs help today", DE: "Sie braucht heute Hilfe"},
	"failed-lead":     {EN: "{n} things do not work. What it keeps is not lost by that alone: those who put it here have it too.", DE: "{n} Dinge funktionieren nicht. Was sie verwahrt, ist dadurch allein nicht verloren: Wem es gehört, hat es auch selbst."},
	"failed-one":      {EN: "One thing does not work. What it keeps is not lost by that alone: those who put it here have it too.", DE: "Eine Sache funktioniert nicht. Was sie verwahrt, ist dadurch allein nicht verloren: Wem es gehört, hat es auch selbst."},
	"unexamined":      {EN: "Just started", DE: "Gerade gestartet"},
	"unexamined-lead": {EN: "The box has not looked at itself yet. Load this page again in a minute.", DE: "Die Box hat sich noch nicht geprüft. Bitte diese Seite in einer Minute neu laden."},

	// States of checks.
	"state-ok":      {EN: "fine", DE: "in Ordnung"},
	"state-unknown": {EN: "not known", DE: "unbekannt"},
	"state-blocked": {EN: "waits", DE: "wartet"},
	"state-warning": {EN: "look soon", DE: "bald nachsehen"},
	"state-failed":  {EN: "does not work", DE: "funktioniert nicht"},
	"since":         {EN: "for {ago}", DE: "seit {ago}"},

	// Plots.
	"throughput":  {EN: "Throughput", DE: "Durchsatz"},
	"disk":        {EN: "Disk", DE: "Datenträger"},
	"temperature": {EN: "Temperature", DE: "Temperatur"},
	"received":    {EN: "received", DE: "empfangen"},
	"sent":        {EN: "sent", DE: "gesendet"},
	"rate":        {EN: "{n}/s", DE: "{n}/s"},
	"rate-now":    {EN: "{in} in, {out} out", DE: "{in} ein, {out} aus"},
	"rate-words":  {EN: "At most {in} received and {out} sent.", DE: "Höchstens {in} empfangen und {out} gesendet."},
	"disk-now":    {EN: "{n} % used", DE: "{n} % belegt"},
	"percent":     {EN: "{n} %", DE: "{n} %"},
	"celsius":     {EN: "{n} °C", DE: "{n} °C"},
	"between":     {EN: "Between {low} and {high}.", DE: "Zwischen {low} und {high}."},
	"same":        {EN: "At {v} all the time.", DE: "Die ganze Zeit bei {v}."},
	"unmeasured":  {EN: "Nothing measured yet.", DE: "Noch nichts gemessen."},
	"ago":         {EN: "24 hours ago", DE: "vor 24 Stunden"},
	"now":         {EN: "now", DE: "jetzt"},

	// The end.
	"reload":      {EN: "Load again", DE: "Neu laden"},
	"up":          {EN: "Switched on {ago} ago.", DE: "Eingeschaltet vor {ago}."},
	"version":     {EN: "Version {version}.", DE: "Version {version}."},
	"tag":         {EN: "Tag on the label: {tag}.", DE: "Kürzel auf dem Etikett: {tag}."},
	"addrs":       {EN: "Also at", DE: "Auch unter"},
	"only-read":   {EN: "This page can only be read, and shows only what concerns the box itself. Its operators see more with “coboxctl status”.", DE: "Diese Seite lässt sich nur lesen und zeigt nur, was die Box selbst betrifft. Ihre Betreuung sieht mehr mit „coboxctl status“."},
	"pins-fine":   {EN: "All that was promised is here.", DE: "Alles Zugesagte ist da."},
	"pins-coming": {EN: "Some is being fetched.", DE: "Einiges wird gerade geholt."},
	"pins-look":   {EN: "Not all that was promised is here: its operators see what, with “coboxctl pins”.", DE: "Nicht alles Zugesagte ist da: Die Betreuung sieht mit „coboxctl pins“, was fehlt."},
	"pins-frozen": {EN: "Something contradicts itself, and is kept as it is: its operators see what, with “coboxctl pins”.", DE: "Etwas widerspricht sich und bleibt so verwahrt, wie es ist: Die Betreuung sieht mit „coboxctl pins“, was."},
}
