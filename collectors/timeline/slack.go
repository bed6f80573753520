package timeline

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tripcurve/internal/incident"
)

// slack reads a channel's day (a list of messages), the answer of
// conversations.history ("messages"), or the whole export as a zip file.
func (f *file) slack() error {
	if bytes.HasPrefix(f.data, []byte("PK")) {
		return f.slackZip()
	}
	key := ""
	if text := bytes.TrimSpace(f.data); len(text) > 0 && text[0] == '{' {
		key = "messages"
	}
	return f.slackChannel(key, strings.TrimSuffix(path.Base(f.name), ".json"), nil)
}

// slackZip reads the channels of an export: a folder each, a file a day, and who is who.
func (f *file) slackZip() error {
	z, err := zip.NewReader(bytes.NewReader(f.data), int64(len(f.data)))
	if err != nil {
		return fmt.Errorf("%s:1:1: no zip file: %w", f.name, err)
	}
	names := map[string]string{}
	left := int64(Most)
	var days []*zip.File
	for _, entry := range z.File {
		switch {
		case entry.Name == "users.json":
			data, err := unzip(entry, &left)
			if err != nil {
				return fmt.Errorf("%s/%s:1:1: %w", f.name, entry.Name, err)
			}
			inner := &file{name: f.name + "/" + entry.Name, data: data}
			list, err := inner.elements("")
			if err != nil {
				return err
			}
			for _, el := range list {
				var u struct {
					ID, Name string
					RealName string `json:"real_name"`
				}
				if err := inner.decode(el, &u); err != nil {
					return err
				}
				names[u.ID] = orElse(u.RealName, u.Name)
			}
		case strings.HasSuffix(entry.Name, ".json") && strings.Count(entry.Name, "/") == 1:
			days = append(days, entry)
		}
	}
	if len(days) == 0 {
		return fmt.Errorf("%s:1:1: no channel in the zip file; expected CHANNEL/DAY.json, as Slack exports", f.name)
	}
	slices.SortFunc(days, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, day := range days {
		data, err := unzip(day, &left)
		if err != nil {
			return fmt.Errorf("%s/%s:1:1: %w", f.name, day.Name, err)
		}
		inner := &file{name: f.name + "/" + day.Name, short: path.Base(f.name) + "/" + day.Name, data: data, hash: f.hash, opt: f.opt}
		if err := inner.slackChannel("", path.Dir(day.Name), names); err != nil {
			return err
		}
		f.got.Records = append(f.got.Records, inner.got.Records...)
		f.got.Skipped += inner.got.Skipped
	}
	return nil
}

// unzip reads one of a zip file's, of which no more than left bytes in all: a small zip
// file can hold a large one.
func unzip(entry *zip.File, left *int64) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, *left+1))
	if err != nil {
		return nil, err
	}
	if *left -= int64(len(data)); *left < 0 {
		return nil, fmt.Errorf("more than %d bytes unpacked; expected less", int64(Most))
	}
	return data, nil
}

// slackNoise are the messages that Slack itself writes.
var slackNoise = []string{
	"channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name", "channel_archive", "group_join", "group_leave", "bot_add", "bot_remove",
	"pinned_item", "tombstone", "reminder_add", "huddle_thread",
}

func (f *file) slackChannel(key, channel string, names map[string]string) error {
	list, err := f.elements(key)
	if err != nil {
		return err
	}
	for _, el := range list {
		var x struct {
			Type, Subtype string
			User          string
			Username      string
			Text, TS      string
			Profile       struct {
				RealName string `json:"real_name"`
			} `json:"user_profile"`
			Attachments []struct{ Fallback, Text, Title string }
		}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		text := x.Text
		for _, a := range x.Attachments {
			text = strings.TrimSpace(text + "\n" + orElse(orElse(a.Text, a.Fallback), a.Title))
		}
		text = strings.TrimSpace(slackText(text, names))
		if x.Type != "" && x.Type != "message" || slices.Contains(slackNoise, x.Subtype) || text == "" {
			f.got.Skipped++
			continue
		}
		at, err := slackTime(x.TS)
		if err != nil {
			return f.errorOf(el.at, "ts: %w", err)
		}
		e := incident.Entry{
			Start: at, Precision: time.Millisecond, Kind: incident.KCommunication, Text: text, Lane: "people", Confidence: "stated", Actor: "participant",
			Person: orElse(orElse(x.Profile.RealName, names[x.User]), orElse(x.Username, x.User)), Clock: incident.EntryClock{Original: x.TS},
		}
		if x.Subtype == "bot_message" {
			e.Actor, e.Kind = "bot", incident.KAlert
		}
		if err := f.take(el.at, "slack", channel+" "+x.TS, e); err != nil {
			return err
		}
	}
	return nil
}

// slackTime reads seconds since 1970 with six decimals, which are also what tells two
// messages of one second apart.
func slackTime(ts string) (time.Time, error) {
	whole, part, _ := strings.Cut(ts, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	us, bad := strconv.ParseInt(orElse(part, "0"), 10, 64)
	if err != nil || bad != nil || len(part) > 6 || us < 0 || s <= 0 {
		return time.Time{}, fmt.Errorf("found %q; expected seconds since 1970, such as 1768487011.000200", ts)
	}
	for range 6 - len(part) {
		us *= 10
	}
	if part == "" {
		us = 0
	}
	t := time.Unix(s, us*1000).UTC()
	return t, inRange(t)
}

var slackMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<([^<>]*)>`) })

// slackText is a message as people see it: who is meant by name, links by their words.
func slackText(s string, names map[string]string) string {
	s = slackMark().ReplaceAllStringFunc(s, func(m string) string {
		in := m[1 : len(m)-1]
		target, label, labelled := strings.Cut(in, "|")
		switch {
		case strings.HasPrefix(in, "@"):
			return "@" + orElse(orElse(label, names[target[1:]]), target[1:])
		case strings.HasPrefix(in, "#"), strings.HasPrefix(in, "!"):
			return orElse(label, strings.TrimLeft(target, "#!"))
		case labelled && label != target:
			return label + " (" + target + ")"
		}
		return target
	})
	return html.UnescapeString(s)
}
