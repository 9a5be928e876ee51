package redact

import (
	"strconv"
	"strings"
)

// tokenRows are public facts from the providers' documentation: kind, prefix,
// alphabet, least and greatest length of what follows (0: any), and "mixed"
// where the prefix is too short to be enough, "loose" where the exact length
// makes up for it.
const tokenRows = `
aws-key AKIA upper 16 16
aws-key ASIA upper 16 16
aws-key ABIA upper 16 16
aws-key ACCA upper 16 16
aws-key A3T upper 17 17
aws-key AGPA upper 16 16
aws-key AROA upper 16 17
aws-key AIDA upper 16 17
aws-key amzn.mws. word 36 36
aws-key ABSK base64 60 0
gcp-key AIza word 35 0
gcp-token ya29. dotted 20 0
gcp-secret GOCSPX- word 20 0
gcp-token 1//0 word 30 0
gcp-token AQ.Ab word 20 0
openshift-token sha256~ word 43 0
alibaba-key LTAI plain 12 24 loose
tencent-key AKID plain 13 40 loose
yandex-key AQVN word 30 0
yandex-token y0_ word 30 0 mixed
volcengine-key AKLT plain 20 0 mixed
github-token ghp_ plain 20 0
github-token gho_ plain 20 0
github-token ghu_ plain 20 0
github-token ghs_ dotted 20 0
github-token ghr_ plain 20 0
github-token github_pat_ word 30 0
gitlab-token glpat- dotted 16 0
gitlab-token glptt- word 16 0
gitlab-token gldt- word 16 0
gitlab-token glrt- dotted 16 0
gitlab-token glrtr- word 16 0
gitlab-token glcbt- word 16 0
gitlab-token glft- word 16 0
gitlab-token glimt- word 16 0
gitlab-token glagent- word 16 0
gitlab-token gloas- word 16 0
gitlab-token glsoat- word 16 0
gitlab-token glffct- word 16 0
gitlab-token GR1348941 word 16 0
bitbucket-token ATBB plain 20 0
bitbucket-token ATCTT3 base64 40 0
atlassian-token ATATT3 base64 40 0
slack-token xoxb- word 10 0
slack-token xoxp- word 10 0
slack-token xoxa- word 8 0
slack-token xoxr- word 8 0
slack-token xoxs- word 10 0
slack-token xoxo- word 10 0
slack-token xoxc- word 10 0
slack-token xoxd- pathy 10 0
slack-token xoxe- word 10 0
slack-token xoxe. dotted 10 0
slack-app-token xapp- word 10 0
slack-webhook hooks.slack.com/services/ pathy 8 0
slack-webhook hooks.slack.com/workflows/ pathy 8 0
slack-webhook hooks.slack.com/triggers/ pathy 8 0
discord-webhook discord.com/api/webhooks/ pathy 8 0
discord-webhook discordapp.com/api/webhooks/ pathy 8 0
teams-webhook webhook.office.com/webhookb2/ pathy 8 0
zapier-webhook hooks.zapier.com/hooks/catch/ pathy 6 0
stripe-key sk_live_ plain 10 0
stripe-key sk_test_ plain 10 0
stripe-key rk_live_ plain 10 0
stripe-key rk_test_ plain 10 0
stripe-key sk_prod_ plain 10 0
stripe-key rk_prod_ plain 10 0
stripe-key sk_org_ word 20 0 mixed
stripe-key ssk_live_ plain 10 0
stripe-key ssk_test_ plain 10 0
stripe-secret seti_ word 20 0 mixed
stripe-secret pi_ word 30 0 mixed
stripe-key whsec_ base64 16 0
square-key sq0atp- word 20 0
square-key sq0csp- word 20 0
square-key sq0idp- word 20 0
square-key EAAA word 22 0 mixed
shopify-token shpat_ hexa 30 0
shopify-token shpca_ hexa 30 0
shopify-token shppa_ hexa 30 0
shopify-token shpss_ hexa 30 0
paypal-token access_token$production$ word 16 0
razorpay-key rzp_live_ plain 10 0
razorpay-key rzp_test_ plain 10 0
easypost-key EZAK plain 40 0
easypost-key EZTK plain 40 0
shippo-token shippo_live_ plain 20 0
shippo-token shippo_test_ plain 20 0
duffel-token duffel_live_ eqword 20 0
duffel-token duffel_test_ eqword 20 0
flutterwave-key FLWSECK word 12 0
paddle-key pdl_live_apikey_ word 20 0
openai-key sk-proj- word 20 0
openai-key sk-svcacct- word 20 0
openai-key sk-admin- word 20 0
anthropic-key sk-ant- word 20 0
openrouter-key sk-or-v1- hexa 32 0
llm-key sk- word 20 0 mixed
llm-key csk- plain 30 0 mixed
groq-key gsk_ plain 30 0
xai-key xai- plain 40 0
perplexity-key pplx- plain 30 0
huggingface-token hf_ plain 30 0
huggingface-token api_org_ plain 30 0
replicate-token r8_ plain 30 0
nvidia-key nvapi- word 40 0
langsmith-key lsv2_pt_ word 30 0
langsmith-key lsv2_sk_ word 30 0
pinecone-key pcsk_ word 30 0
tavily-key tvly- word 20 0
apify-token apify_api_ plain 20 0
jina-key jina_ word 40 0
together-key tgp_v1_ word 30 0
fireworks-key fw_ plain 20 0 mixed
sendgrid-key SG. eqdot 40 0
mailgun-key key- hexa 32 32
sendinblue-key xkeysib- word 40 0
sendinblue-key xsmtpsib- word 40 0
resend-key re_ word 24 0 mixed
twilio-key SK hexa 32 32
twilio-account AC hexa 32 32
npm-token npm_ plain 30 0
pypi-token pypi- word 40 0
rubygems-key rubygems_ hexa 40 0
crates-token cio plain 32 32 mixed
nuget-key oy2 plain 43 43 mixed
clojars-token CLOJARS_ plain 40 0
docker-token dckr_pat_ word 20 0
docker-token dckr_oat_ word 20 0
jfrog-token AKCp plain 60 0
jfrog-token cmVmd plain 55 0
digitalocean-token dop_v1_ hexa 40 0
digitalocean-token doo_v1_ hexa 40 0
digitalocean-token dor_v1_ hexa 40 0
heroku-key HRKU- word 30 0
fly-token fo1_ word 30 0
fly-token fm1r_ base64 40 0
fly-token fm1a_ base64 40 0
fly-token fm2_ base64 40 0
netlify-token nfp_ word 30 0
render-key rnd_ plain 20 0
vercel-token vcp_ plain 20 0
supabase-key sbp_ hexa 30 0
supabase-key sb_secret_ word 16 0
planetscale-token pscale_tkn_ eqdot 30 0
planetscale-password pscale_pw_ eqdot 30 0
planetscale-oauth-token pscale_oauth_ eqdot 30 0
neon-key napi_ plain 40 0
databricks-token dapi hexa 32 0
newrelic-key NRAK- plain 20 0
newrelic-key NRJS- plain 15 0
newrelic-key NRII- word 20 0
newrelic-key NRIQ- word 20 0
grafana-token glc_ base64 30 0
grafana-token glsa_ word 30 0
sentry-token sntrys_ base64 40 0
sentry-token sntryu_ hexa 40 0
honeycomb-key hcaik_ plain 30 0
dynatrace-token dt0c01. dotted 40 0
dynatrace-token dt0s16. dotted 40 0
vault-token hvs. word 20 0
vault-token hvb. word 20 0
vault-token hvr. word 20 0
doppler-token dp.pt. plain 30 0
doppler-token dp.st. dotted 30 0
doppler-token dp.ct. plain 30 0
doppler-token dp.sa. plain 30 0
doppler-token dp.scim. plain 30 0
doppler-token dp.audit. plain 30 0
onepassword-token ops_ey word 40 0
onepassword-key A3- word 34 40
age-key AGE-SECRET-KEY-1 upper 40 0
linear-key lin_api_ plain 30 0
linear-key lin_oauth_ plain 30 0
notion-token ntn_ plain 30 0
figma-token figd_ word 30 0
figma-token figu_ word 30 0
postman-key PMAK- word 40 0
typeform-token tfp_ eqdot 30 0
hubspot-key pat-na1- word 30 0
hubspot-key pat-eu1- word 30 0
contentful-token CFPAT- word 30 0
pulumi-token pul- hexa 40 40
prefect-token pnu_ plain 30 0
prefect-token pnb_ plain 30 0
sourcegraph-token sgp_ word 30 0
sonar-token squ_ hexa 30 0
sonar-token sqp_ hexa 30 0
sonar-token sqa_ hexa 30 0
buildkite-token bkua_ hexa 30 0
circleci-token CCIPAT_ word 30 0
circleci-token CCIPRJ_ word 30 0
octopus-key API- upper 25 40 mixed
tailscale-key tskey- word 20 0
launchdarkly-key sdk- word 36 36 mixed
launchdarkly-key mob- word 36 36 mixed
posthog-key phx_ plain 30 0
onesignal-key os_v2_ word 40 0
dropbox-token sl. word 60 0 mixed
facebook-token EAACEdEose0cBA plain 1 0
facebook-token EAAC plain 60 0
facebook-token EAAB plain 60 0
twitter-token AAAAAAAAAAAAAAAAAAAAA pathy 30 0
mapbox-key pk.ey dotted 40 0
mapbox-key sk.ey dotted 40 0
adobe-secret p8e- plain 30 0
clickhouse-key 4b1d plain 38 38
scalingo-token tk-us- word 40 0
frameio-token fio-u- eqword 40 0
permit-key permit_key_ plain 30 0
harness-key pat. dotted 40 0 mixed
harness-key sat. dotted 40 0 mixed
readme-key rdme_ plain 40 0
cloudflare-key v1.0- word 100 0
endor-token endr+ base64 16 0
password-hash $apr1$ crypt 20 0
password-hash $1$ crypt 20 0
password-hash $2a$ crypt 40 0
password-hash $2b$ crypt 40 0
password-hash $2y$ crypt 40 0
password-hash $5$ crypt 30 0
password-hash $6$ crypt 40 0
password-hash $argon2 crypt 30 0
infracost-key ico- plain 32 32 loose
aws-session-token FwoGZXIvYXdz base64 80 0
aws-session-token IQoJb3JpZ2lu base64 80 0
aws-bedrock-key bedrock-api-key- base64 40 0
gcp-hmac-key GOOG upper 17 57 loose
gitlab-token glwt- word 16 0
scaleway-key SCW upper 17 17
exoscale-key EXO hexa 24 32 loose
digitalocean-spaces-key DO00 upper 16 16
digitalocean-spaces-key DO801 upper 15 15
backblaze-key K00 base64 27 28 loose
cloudflare-token cfut_ word 30 0
cloudflare-token cfat_ word 30 0
cloudflare-token cfk_ word 30 0
mongodb-atlas-secret mdb_sa_sk_ word 20 0
dbt-token dbtc_ word 20 0
dbt-token dbts_ word 20 0
dbt-token dbtu_ word 20 0
elastic-key essu_ base64 20 0
fauna-key fnA word 37 37 loose
cockroach-key CCDB1_ word 40 0
xata-key xau_ plain 30 0
materialize-key mzp_ hexa 60 0
aiven-token aivenv1 base64 40 0
airtable-token pat dotted 79 79 loose
jetbrains-token perm: eqdot 40 0 mixed
jetbrains-token perm- eqdot 40 0 mixed
snyk-token snyk_sat. dotted 20 0
snyk-token snyk_uat. dotted 20 0
launchdarkly-key api- uuid 36 36
posthog-key phs_ plain 30 0
posthog-key phc_ plain 30 0
shopify-token shptka_ hexa 30 0
paypal-token access_token$sandbox$ word 16 0
adyen-key AQE base64 80 0 loose
checkout-key sk_sbox_ word 20 0
mollie-key live_ plain 30 35 loose
mollie-key test_ plain 30 35 loose
mercadopago-token APP_USR- word 40 0
klarna-key klarna_live_api_ word 30 0
klarna-key klarna_test_api_ word 30 0
brex-token bxt_ plain 30 0
stytch-secret secret-live- word 30 0
stytch-secret secret-test- word 30 0
plaid-token access-sandbox- uuid 36 36
plaid-token access-development- uuid 36 36
plaid-token access-production- uuid 36 36
mattermost-webhook /hooks/ plain 26 26 loose
make-webhook hook.eu1.make.com/ pathy 20 0
make-webhook hook.us1.make.com/ pathy 20 0
ifttt-key /with/key/ word 20 0
pagerduty-webhook events.pagerduty.com/integration/ pathy 20 0
underscore-key sk_ plain 29 0 mixed
voyage-key pa- word 40 0 mixed
runpod-key rpa_ plain 30 0
modal-token ak- plain 22 22 loose
modal-token as- plain 22 22 loose
wandb-key wandb_v1_ word 40 0
langfuse-key sk-lf- uuid 36 36
langfuse-key pk-lf- uuid 36 36
helicone-key sk-helicone- word 20 0
cursor-key key_ hexa 64 64
vercel-token vck_ plain 20 0
vercel-token vci_ plain 20 0
vercel-token vca_ plain 20 0
vercel-token vcr_ plain 20 0
firecrawl-key fc- hexa 32 32
brave-key BSA word 27 28 loose
dify-key app- plain 24 24 loose
dify-key dataset- plain 24 24 loose
n8n-key n8n_api_ word 20 0
chroma-key ck- plain 40 0
e2b-key e2b_ hexa 40 0
browserbase-key bb_live_ word 20 0
daytona-key dtn_ hexa 60 0
scrapfly-key scp-live- hexa 32 0
llamacloud-key llx- plain 40 0
friendli-token flp_ plain 40 0
notion-token secret_ plain 43 43
mailersend-key mlsn. hexa 60 0
mailgun-pubkey pubkey- hexa 32 32
courier-key pk_prod_ plain 28 0
courier-key pk_test_ plain 28 0
packagist-token packagist_ort_ hexa 60 0
packagist-token packagist_uut_ hexa 60 0
netbird-token nbp_ plain 36 36
defined-token dnkey- eqword 40 0
netlify-token nfc_ word 30 0
netlify-token nfo_ word 30 0
netlify-token nfu_ word 30 0
netlify-token nfb_ word 30 0
honeycomb-key hcxik_ plain 30 0
axiom-token xaat- uuid 36 36
axiom-token xapt- uuid 36 36
coralogix-key cxtp_ plain 30 0
coralogix-key cxth_ plain 30 0
firehydrant-key fhb- hexa 30 0
checkly-key cu_ hexa 32 32
settlemint-token sm_aat_ plain 16 0
settlemint-token sm_pat_ plain 16 0
settlemint-token sm_sat_ plain 16 0
intra42-secret s-s4t2ud- hexa 60 0
intra42-secret s-s4t2af- hexa 60 0
intercom-token dG9rO base64 40 0
clickup-token pk_ word 36 44 mixed
samsara-token samsara_api_ plain 30 0
mercury-token mercury_production_ word 30 0
alchemy-key alcht_ plain 30 0
blockfrost-key mainnet plain 32 32 loose
lob-key live_pub_ hexa 31 31
lob-key test_pub_ hexa 31 31
flutterwave-key FLWPUBK word 12 0
yandex-key YCAJ word 20 0 mixed
yandex-token t1. eqdot 80 0 mixed
bitbucket-token ATOA word 60 0
unkey-key unkey_ plain 20 0
buildkite-token bkat_ hexa 30 0
sanity-token skE plain 80 0
zuplo-key zpka_ word 30 0
trigger-key tr_prod_ plain 20 0
trigger-key tr_dev_ plain 20 0
svix-key testsk_ word 20 0
inngest-key signkey-prod- hexa 30 0
inngest-key signkey-test- hexa 30 0
rootly-key rootly_ hexa 40 0
thunderstore-token tss_ plain 30 0
expo-push-token ExponentPushToken[ word 18 0
`

func tokenTable() []token {
	names := alphabetNames()
	var table []token
	for line := range strings.Lines(strings.TrimSpace(tokenRows)) {
		f := strings.Fields(line)
		least, _ := strconv.Atoi(f[3])
		most, _ := strconv.Atoi(f[4])
		table = append(table, token{
			kind: f[0], prefix: f[1], alphabet: names[f[2]], min: least, max: most,
			mixed: len(f) > 5 && f[5] == "mixed", loose: len(f) > 5 && f[5] == "loose",
		})
	}
	return table
}

func alphabetNames() map[string]alphabet {
	return map[string]alphabet{
		"word": wordBytes, "plain": plainBytes, "upper": upperBytes, "hexa": hexaBytes, "base64": base64Bytes, "dotted": dottedBytes,
		"pathy": pathyBytes, "crypt": cryptBytes, "digit": digitBytes, "eqword": eqwordBytes, "eqdot": eqdotBytes, "colon": colonBytes, "uuid": uuidBytes,
	}
}
