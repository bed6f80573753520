//go:build rca

package anomaly_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The recorded data stays where it is: its folder comes from the environment.
const dataVariable = "TRIPCURVE_RCA_DATA"

// dataFolder is the folder of recorded incidents; without it there is nothing to
// measure.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(dataVariable)
	if dir == "" {
		t.Fatalf("%s is not set: it names the folder with the recorded incidents (index.json, sockshop, petshop, nezha, dbsherlock, nab)", dataVariable)
	}
	return dir
}

// recorded is one line of index.json; which fields are there depends on the data
// set.
type recorded struct {
	Dataset       string          `json:"dataset"`
	Case          string          `json:"case"`
	Service       string          `json:"service"`
	Fault         string          `json:"fault"`
	Time          json.RawMessage `json:"time"`
	Cause         string          `json:"cause"`
	Compound      bool            `json:"compound"`
	AbnormalFirst int             `json:"abnormal_first"`
	AbnormalLast  int             `json:"abnormal_last"`
	Windows       [][2]string     `json:"windows"`
}

// cases are those of one data set, in the order of the index; a data set that
// the folder does not have has none.
func cases(t *testing.T, dataset string) []recorded {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dataFolder(t), "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all, list []recorded
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("index.json: %v", err)
	}
	for _, c := range all {
		if c.Dataset == dataset {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		t.Logf("%s: not in this folder", dataset)
	}
	return list
}

// rows reads a CSV file, packed or not.
func rows(t *testing.T, parts ...string) [][]string {
	t.Helper()
	path := filepath.Join(append([]string{dataFolder(t)}, parts...)...)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		path = strings.TrimSuffix(path, ".gz")
		f, err = os.Open(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		in = z
	}
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	list, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return list
}

// column is one measure of a table.
type column struct {
	name   string
	values []float64 // NaN where the cell is empty or no number
}

// table reads a CSV file with one header line into columns.
func table(t *testing.T, parts ...string) []column {
	t.Helper()
	lines := rows(t, parts...)
	cols := make([]column, len(lines[0]))
	for i, name := range lines[0] {
		cols[i] = column{name: name, values: make([]float64, 0, len(lines)-1)}
		for _, l := range lines[1:] {
			v := math.NaN()
			if i < len(l) {
				v = number(l[i])
			}
			cols[i].values = append(cols[i].values, v)
		}
	}
	return cols
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}
