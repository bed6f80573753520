package order

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Control serves how checkouts are taken, to whoever may operate the shop; nobody is
// asked who they are. GET answers an Intake as JSON. PUT ?mode=async|sync switches, and with
// &drain=true drains before it switches back to sync: 200 with the Intake as it is
// then, 400 for a mode that there is not, 409 with an InFlightError, 503 when the
// store or the queue fails. A drain whose asker goes away is undone.
func (s *Server) Control() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
		case http.MethodPut:
			to, err := ParseMode(r.URL.Query().Get("mode"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			drain, _ := strconv.ParseBool(r.URL.Query().Get("drain"))
			if drain && to == Sync {
				err = s.Drain(r.Context())
			} else {
				err = s.Switch(r.Context(), to)
			}
			var left *InFlightError
			switch {
			case errors.As(err, &left):
				writeJSON(w, http.StatusConflict, left)
				return
			case err != nil:
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		default:
			w.Header().Set("Allow", "GET, PUT")
			http.Error(w, "method_not_allowed", http.StatusMethodNotAllowed)
			return
		}
		i, err := s.Intake(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, http.StatusOK, i)
	})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // nobody to tell when it does not arrive
}
