package corpus

import "strings"

// names are names of settings whose value is a secret, as programs have them.
var names = strings.Fields(`
password PASSWORD db_password DB_PASSWORD dbPassword DbPassword db-password POSTGRES_PASSWORD MYSQL_ROOT_PASSWORD
MYSQL_PWD PGPASSWORD REDIS_PASSWORD redis.password spring.datasource.password SPRING_DATASOURCE_PASSWORD adminPassword
passwd ROOT_PASSWD smtpPasswd pwd userPwd passphrase KEY_PASSPHRASE secret SECRET client_secret clientSecret CLIENT_SECRET
client-secret JWT_SECRET jwt-secret sessionSecret SECRET_KEY secret_key SECRET_KEY_BASE secretKey aws_secret_access_key
AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN token TOKEN api_token API_TOKEN apiToken access_token accessToken ACCESS_TOKEN
auth_token authToken refresh_token refreshToken id_token bearerToken GITHUB_TOKEN gitlab_token NPM_TOKEN SLACK_BOT_TOKEN
VAULT_TOKEN api_key API_KEY apiKey apikey api-key APIKEY X_API_KEY OPENAI_API_KEY STRIPE_API_KEY DATADOG_API_KEY private_key
privateKey encryption_key ENCRYPTION_KEY signingKey master_key storageAccountKey ACCOUNT_KEY shared_access_key credential
credentials DB_CREDENTIALS kafka.sasl.password ssl.keystore.password keystorePassword truststore_password ldapBindPassword
bind_password basicAuthPassword webhookSecret WEBHOOK_SECRET cookie_secret COOKIE_SECRET hmac_key license_key
consumerSecret consumer_secret oauth_token sentryAuthToken rabbitmq_password MONGO_INITDB_ROOT_PASSWORD
`)

// plain are low-entropy secrets that people choose.
var plain = strings.Fields(`
sunshine letmein changeit swordfish trustno1 qwerty123 hunter2 P@ssw0rd Welcome1! opensesame dragonfly monkey12 admin123
correct-horse Summer2026! s3cr3t! t0psecret pa$$word abc123! iloveyou rootroot toor postgres1 guest99 Winter#24 4711-0815
blue.Monday x9!kQ zaq12wsx football7 q1w2e3r4 Kube@dmin nopassw0rd tiger99 hello,world pass;word
`)

// people, hosts and others are what stands around.
var (
	hosts = strings.Fields(`db.shop.svc postgres-0.postgres.shop.svc.cluster.local cache mysql.internal mq.example.com redis-master kafka-0.kafka:9092 ldap.example.org`)
	users = strings.Fields(`app svc_orders readonly shop billing reporting etl`)
	nouns = strings.Fields(`orders payments checkout inventory catalog users sessions billing search mailer gateway worker scheduler`)
)
