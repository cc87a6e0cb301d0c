{{/* The name of a release's objects: `lethe`, or the release's name with it. */}}
{{- define "lethe.name" -}}
{{- if contains "lethe" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-lethe{{ end }}
{{- end }}

{{/* The labels by which Services and the like find the pods of a role: a list of the root and the role. */}}
{{- define "lethe.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: lethe
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "lethe.labels" -}}
{{- $root := index . 0 -}}
{{ include "lethe.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* The parts that the pods of all roles share: a list of the root, the role, and the name of the configuration. */}}
{{- define "lethe.pod" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    {{- if $root.Values.configSecret }}
    secret: { secretName: {{ $root.Values.configSecret }}, defaultMode: 0440 }
    {{- else }}
    configMap: { name: {{ index . 2 }} }
    {{- end }}
  - name: tmp
    emptyDir: {}
  {{- range $owner := list "shared" $role }}
  {{- with get $root.Values.secrets $owner }}
  - name: secrets-{{ $owner }}
    secret: { secretName: {{ . }}, defaultMode: 0440 }
  {{- end }}
  {{- end }}
{{- end }}

{{/* The parts that the containers of all roles share. */}}
{{- define "lethe.container" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
image: "{{ $root.Values.image.repository }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}"
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: config, mountPath: /etc/lethe, readOnly: true }
  - { name: tmp, mountPath: /tmp }
  {{- range $owner := list "shared" $role }}
  {{- if get $root.Values.secrets $owner }}
  - { name: secrets-{{ $owner }}, mountPath: /run/secrets/lethe{{ if ne $owner "shared" }}-{{ $owner }}{{ end }}, readOnly: true }
  {{- end }}
  {{- end }}
{{- end }}

{{/* The probes of a role that serves `/livez` and `/readyz`. */}}
{{- define "lethe.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" . -}}
startupProbe:
  httpGet: { path: /livez, port: http, scheme: {{ $scheme }} }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /livez, port: http, scheme: {{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: /readyz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* The 99th percentile of the queue wait. No work means no wait: without observations it is no number. */}}
{{- define "lethe.queueWait" -}}
(histogram_quantile(0.99, sum by (le) (rate(lethe_queue_wait_seconds_bucket{job="lethe-worker", namespace="{{ .Release.Namespace }}"}[2m]))) >= 0) or vector(0)
{{- end }}
