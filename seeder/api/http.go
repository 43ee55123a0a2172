package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// statuses are the HTTP statuses of the codes.
var statuses = map[Code]int{
	Unauthorised: http.StatusUnauthorized,
	Revoked:      http.StatusForbidden,
	NotFound:     http.StatusNotFound,
	OverQuota:    http.StatusInsufficientStorage,
	BoxFull:      http.StatusInsufficientStorage,
	BadRequest:   http.StatusBadRequest,
	Frozen:       http.StatusConflict,
	NotSynced:    http.StatusConflict,
	Stale:        http.StatusConflict,
	Busy:         http.StatusServiceUnavailable,
	DiskGone:     http.StatusServiceUnavailable,
	Internal:     http.StatusInternalServerError,
}

// ReadAnswer decodes the answer to a request into out (which may be nil), or
// returns the [*Error] that the box answered. It reads at most most bytes.
func ReadAnswer(resp *http.Response, most int64, out any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > most {
		return fmt.Errorf("reading the answer: it is longer than %d bytes", most)
	}
	if resp.StatusCode/100 != 2 {
		var e Error
		if err := json.Unmarshal(body, &e); err != nil || e.Text == "" {
			return fmt.Errorf("the box answered %s", resp.Status)
		}
		return &e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// WriteAnswer writes value as JSON, or nothing for nil.
func WriteAnswer(w http.ResponseWriter, value any) {
	if value == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the caller has gone when this fails
}

// WriteError writes an error: an [*Error] as it is, another one as [Internal].
func WriteError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: Internal, Text: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e)
}

// ReadRequest decodes the body of a request into in. Fields that are not known
// are an error, so that a mistyped one is not passed over.
func ReadRequest(r *http.Request, in any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return &Error{Code: BadRequest, Text: fmt.Sprintf("reading the request: %v", err)}
	}
	return nil
}
