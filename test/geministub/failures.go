package geministub

import "time"

// Error is any error in Google's shape. Details are put out as they are; each should be an object with an "@type".
func Error(code int, status, message string, details ...any) Reply {
	return apiFailure("error "+status, func(Request) *apiError {
		return &apiError{Code: code, Message: message, Status: status, Details: details}
	})
}

// RateLimitedMinute is a 429 of the quota per minute. Waiting for the delay helps.
func RateLimitedMinute(delay time.Duration) Reply {
	return apiFailure("rate limited per minute", func(r Request) *apiError {
		return quota(r.Model, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10", delay)
	})
}

// RateLimitedDay is a 429 of the quota per day. It names a delay too, as the real one does, and that delay helps nobody.
func RateLimitedDay(delay time.Duration) Reply {
	return apiFailure("rate limited per day", func(r Request) *apiError {
		return quota(r.Model, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20", delay)
	})
}

// RateLimitedBare is a 429 with a Help detail only: neither which quota nor for how long.
func RateLimitedBare() Reply {
	return apiFailure("rate limited", func(r Request) *apiError { return quota(r.Model, "", "", -1) })
}

// Overloaded is the 503 of a busy model.
func Overloaded() Reply {
	r := Error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
	r.name = "overloaded"
	return r
}

// ServerErrorHTML is a 500 from a proxy in front of the API: a page, not JSON.
func ServerErrorHTML() Reply {
	const page = "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error 500 (Server Error)</title>\n" +
		"<p><b>500.</b> <ins>That is an error.</ins>\n<p>The server encountered an error and could not complete your request.\n"
	return Reply{name: "500 HTML", fail: func(Request) failure { return htmlPage(500, page) }}
}

func apiFailure(name string, f func(Request) *apiError) Reply {
	return Reply{name: name, fail: func(r Request) failure { return f(r).failure() }}
}

func (e apiError) failure() failure {
	return failure{status: e.Code, contentType: "application/json; charset=UTF-8", body: e.body(), message: e.Message}
}

func htmlPage(status int, page string) failure {
	return failure{status: status, contentType: "text/html; charset=UTF-8", body: []byte(page), message: page}
}
