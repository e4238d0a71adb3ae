vcl 4.1;
# Caches POST answers, keyed by the body. Varnish asks its backend by GET unless told otherwise.
import std;
import bodyaccess;
backend aws { .host = "127.0.0.1"; .port = "{upstream}"; }
sub vcl_recv {
  if (!std.cache_req_body(64KB)) { return (synth(413)); }
  return (hash);
}
sub vcl_hash {
  hash_data(req.url);
  bodyaccess.hash_req_body();
  return (lookup);
}
sub vcl_backend_fetch { set bereq.method = "POST"; }
sub vcl_backend_response { set beresp.ttl = 1h; }
