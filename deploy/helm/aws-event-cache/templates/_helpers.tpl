{{- define "aws-event-cache.selector" -}}
app.kubernetes.io/name: aws-event-cache
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "aws-event-cache.labels" -}}
{{ include "aws-event-cache.selector" . }}
app.kubernetes.io/part-of: spinnaker
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* How long calls under way may take to end (answer.drain, 10 s unless said otherwise), and 35 s for everything after it. */}}
{{- define "aws-event-cache.grace" -}}
{{- $drain := dig "answer" "drain" "10s" .Values.config | toString -}}
{{- if regexMatch "^[0-9]+s$" $drain -}}
{{ add 35 (trimSuffix "s" $drain | int) }}
{{- else if regexMatch "^[0-9]+m$" $drain -}}
{{ add 35 (mul 60 (trimSuffix "m" $drain | int)) }}
{{- else -}}
{{ fail (printf "config.answer.drain: give whole seconds or minutes, such as 30s, in place of %s" $drain) }}
{{- end -}}
{{- end }}

{{/* The port of an address such as 0.0.0.0:8080. */}}
{{- define "aws-event-cache.port" -}}
{{ . | toString | splitList ":" | last }}
{{- end }}
