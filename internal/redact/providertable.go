package redact

import (
	"strconv"
	"strings"
)

// providerRows are credentials that nothing marks but the name of their
// provider before them, as in HEROKU = 0123…: kind, names, alphabet, least and
// greatest length. The lengths are public facts from the providers'
// documentation; a value of another length stays.
const providerRows = `
abuseipdb-key abuseipdb hexa 80 80
adafruit-key adafruit word 32 32
adobe-id adobe hexa 32 32
airtable-key airtable plain 17 17
algolia-key algolia plain 32 32
alibaba-secret alibaba,aliyun plain 30 30
amplitude-key amplitude hexa 32 32
asana-id asana digit 16 16
asana-secret asana plain 32 32
assemblyai-key assemblyai hexa 32 32
atlassian-token atlassian,confluence,jira plain 24 24
auth0-secret auth0 word 64 64
beamer-token beamer eqword 46 46
binance-key binance plain 64 64
bitbucket-id bitbucket plain 32 32
bitbucket-secret bitbucket eqword 64 64
bitly-token bitly hexa 40 40
bittrex-key bittrex plain 32 32
braintree-key braintree hexa 32 32
bugsnag-key bugsnag hexa 32 32
clarifai-key clarifai hexa 32 32
cloudflare-key cloudflare word 40 40
cloudflare-global-key cloudflare hexa 37 37
cloudinary-secret cloudinary word 27 27
cloudsmith-key cloudsmith hexa 40 40
codecov-token codecov plain 32 32
codecov-upload-token codecov uuid 36 36
cohere-key cohere,co_api_key plain 40 40
coinbase-token coinbase word 64 64
confluent-key confluent plain 16 16
confluent-secret confluent plain 64 64
contentful-delivery-token contentful eqword 43 43
coveralls-token coveralls plain 37 37
datadog-app-key datadog plain 40 40
datadog-key datadog hexa 32 32
deepgram-key deepgram hexa 40 40
deepl-key deepl colon 36 39
discord-token discord hexa 64 64
discord-id discord digit 18 18
discord-secret discord eqword 32 32
droneci-token droneci plain 32 32
dropbox-key dropbox plain 15 15
dropbox-long-token dropbox eqword 64 64
dropbox-short-token dropbox eqdot 138 138
etherscan-key etherscan plain 34 34
etsy-token etsy plain 24 24
facebook-secret facebook hexa 32 32
fastly-token fastly eqword 32 32
finicity-token finicity hexa 32 32
finicity-secret finicity plain 20 20
finnhub-token finnhub plain 20 20
flickr-token flickr plain 32 32
freshbooks-token freshbooks plain 64 64
giphy-key giphy plain 32 32
gitter-token gitter word 40 40
gocardless-token gocardless eqword 45 45
harvest-token harvestapp eqdot 80 100
heroku-token heroku uuid 36 36
hubspot-id hubspot uuid 36 36
infura-key infura hexa 32 32
intercom-key intercom eqword 60 60
iterable-key iterable hexa 32 32
jfrog-key jfrog,artifactory,bintray,xray plain 73 73
jfrog-identity-token jfrog,artifactory,bintray,xray plain 64 64
jumpcloud-key jumpcloud plain 40 40
klaviyo-key klaviyo word 37 37
kraken-token kraken base64 80 90
kucoin-token kucoin hexa 24 24
kucoin-secret kucoin uuid 36 36
launchdarkly-token launchdarkly eqword 40 40
linear-secret linear hexa 32 32
linkedin-id linkedin,linked-in,linked_in plain 14 14
linkedin-secret linkedin,linked-in,linked_in plain 16 16
linode-token linode hexa 64 64
lob-token lob word 40 40
lokalise-token lokalise hexa 40 40
loggly-token loggly uuid 36 36
looker-id looker plain 20 20
looker-secret looker plain 24 24
mailchimp-token mailchimp word 36 38
mailgun-token mailgun word 36 39
mailgun-signing-key mailgun word 50 50
mailjet-key mailjet hexa 32 32
mapbox-token mapbox dotted 86 86
mattermost-token mattermost plain 26 26
meraki-key meraki hexa 40 40
messagebird-token messagebird,message-bird,message_bird plain 25 25
messagebird-id messagebird,message-bird,message_bird uuid 36 36
mixpanel-secret mixpanel hexa 32 32
netlify-access-token netlify eqword 40 46
newrelic-browser-key newrelic,new-relic,new_relic word 24 24
newrelic-user-key newrelic,new-relic,new_relic word 32 32
newrelic-insert-key newrelic,new-relic,new_relic word 37 37
newrelic-id newrelic,new-relic,new_relic plain 64 64
newrelic-license newrelic,new-relic,new_relic plain 40 40
nytimes-token nytimes,new-york-times,newyorktimes eqword 32 32
okta-token okta eqword 42 42
openweather-key openweather,openweathermap hexa 32 32
opsgenie-key opsgenie uuid 36 36
pagerduty-key pagerduty word 20 20
pagerduty-routing-key pagerduty hexa 32 32
papertrail-token papertrail plain 20 20
pipedrive-token pipedrive hexa 40 40
plaid-id plaid plain 24 24
plaid-secret plaid plain 30 30
plaid-access-token plaid word 51 55
postmark-token postmark uuid 36 36
privateai-token privateai,private-ai,private_ai plain 32 32
pusher-secret pusher hexa 20 20
rapidapi-token rapidapi word 50 50
rollbar-token rollbar hexa 32 32
sendbird-id sendbird uuid 36 36
sendbird-token sendbird hexa 40 40
sentry-access-token sentry hexa 64 64
shodan-key shodan plain 32 32
sidekiq-secret contribsys__com colon 17 17
signalfx-token signalfx plain 22 22
snyk-key snyk uuid 36 36
sonar-login-token sonar eqword 40 44
sourcegraph-access-token sourcegraph hexa 40 40
sparkpost-key sparkpost hexa 40 40
splunk-hec-token splunk uuid 36 36
spotify-secret spotify hexa 32 32
squarespace-token squarespace uuid 36 36
statuspage-key statuspage uuid 36 36
strava-secret strava hexa 40 40
sumologic-id sumo plain 14 14
sumologic-token sumo plain 64 64
telegram-bot-token telegr colon 41 52
todoist-token todoist hexa 40 40
travis-token travis plain 22 22
trello-key trello hexa 32 32
trello-token trello hexa 64 64
twitch-token twitch plain 30 30
twitter-key twitter plain 25 25
twitter-secret twitter plain 45 45
twitter-api-secret twitter plain 50 50
twitter-access-token twitter word 36 66
typeform-access-token typeform eqdot 63 63
vercel-access-token vercel plain 24 24
virustotal-key virustotal hexa 64 64
yandex-access-token yandex eqdot 90 300
yandex-aws-token yandex word 40 40
zendesk-secret zendesk plain 40 40
zerotier-token zerotier plain 32 32
`

// provider is one row. Its names are anchors of their own.
type provider struct {
	kind     string
	alphabet alphabet
	min, max int
}

// providerTable returns the rows and, in the same order, their names.
func providerTable() (table []provider, names [][]string) {
	alphabets := alphabetNames()
	for line := range strings.Lines(strings.TrimSpace(providerRows)) {
		f := strings.Fields(line)
		least, _ := strconv.Atoi(f[3])
		most, _ := strconv.Atoi(f[4])
		table = append(table, provider{kind: f[0], alphabet: alphabets[f[2]], min: least, max: most})
		names = append(names, strings.Split(f[1], ","))
	}
	return table, names
}

// maxBehind bounds the bytes of a name behind its provider's, such as
// _PROD_ACCOUNT.
const maxBehind = 24

// findProvider looks for a value of the row's form behind the provider's name:
// at most a few words, a separator, and the value alone.
func (p *pass) findProvider(id, start, end int) {
	if p.inHidden(start) {
		return
	}
	row := p.e.providers[id]
	name := runEnd(p.s[:min(len(p.s), end+maxBehind)], end, func(c byte) bool { return isKeyByte(c) || isBlank(c) || isQuote(c) || c == '\\' })
	at := p.behindSeparator(name)
	if at < 0 {
		return
	}
	to := runEnd(p.s[:min(len(p.s), at+row.max+1)], at, row.alphabet.has)
	for to > at && (p.s[to-1] == '.' || p.s[to-1] == '=' && to-at > row.max) {
		to--
	}
	value := p.s[at:to]
	if len(value) < row.min || len(value) > row.max || to < len(p.s) && isAlnum(p.s[to]) || isDigestAt(p.s, at) || !row.drawn(value, p.s[start:name]) {
		return
	}
	p.hide(row.kind, at, to)
}

// findNear looks behind a telling word and a few more, as in "token for x =":
// only a value that looks drawn goes, and none whose name says that it names a
// thing.
func (p *pass) findNear(_, start, end int) {
	if p.inHidden(start) {
		return
	}
	name := runEnd(p.s[:min(len(p.s), end+maxBehind)], end, func(c byte) bool { return isKeyByte(c) || isBlank(c) || isQuote(c) })
	at := p.behindSeparator(name)
	if at < 0 || p.inHidden(at) {
		return
	}
	to := runEnd(p.s[:min(len(p.s), at+maxToken)], at, eqdotBytes.has)
	if to-at < 16 || !looksSecret(p.s[at:to]) || isDigestAt(p.s, at) || to < len(p.s) && (p.s[to] == '/' || p.s[to] == ':') {
		return
	}
	if last := lastWord(p.s[start:name]); identifies[last] || p.e.vocab.benign[last] {
		return
	}
	p.hide("credential", at, to)
}

// behindSeparator returns where a value begins behind one of the separators
// that assign in a language or a file, or -1.
func (p *pass) behindSeparator(i int) int {
	op := runEnd(p.s[:min(len(p.s), i+4)], i, func(c byte) bool { return strings.IndexByte("=:>|?,", c) >= 0 })
	if op == i {
		return -1
	}
	return runEnd(p.s[:min(len(p.s), op+6)], op, func(c byte) bool { return isBlank(c) || isQuote(c) || c == '=' || c == '\\' })
}

// drawn tells a drawn value from a word, a version or a name of the same
// length. A UUID behind a name that says it is one, such as heroku_app_id,
// stays: it names a thing.
func (r provider) drawn(value, name string) bool {
	m := mixOf(value)
	switch r.alphabet {
	case uuidBytes:
		return isUUID(value) && !identifies[lastWord(name)]
	case digitBytes:
		return true
	case plainBytes, upperBytes, hexaBytes, base64Bytes, wordBytes, dottedBytes, pathyBytes, cryptBytes, eqwordBytes, eqdotBytes, colonBytes:
	}
	if m.digit == 0 && (m.upper < 3 || m.lower < 3) {
		return false
	}
	return m.upper > 0 || m.other*6 <= len(value)
}

// identifies are the last words of names whose value names a thing.
var identifies = words(`id uid uuid instance request trace span run build deployment release event org organization
	workspace project team space session correlation commit sha hash digest checksum revision rev etag image tag pod node
	container object key fingerprint thumbprint serial`)
