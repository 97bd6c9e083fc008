# A driver of `linger check-client` for Ruby's net/http, a started session for each server.
require "digest"
require "json"
require "net/http"

STDOUT.sync = true
sessions = {}
while (line = STDIN.gets&.chomp) && line != "QUIT"
  method, url, file = line.split(" ", 3)
  uri = URI(url)
  begin
    session = sessions[uri.host + uri.port.to_s] ||=
      Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https", ca_file: ENV["SSL_CERT_FILE"])
    reply = session.send_request(method, uri.path, file && File.binread(file))
    ok = reply.code.to_i < 400
    puts JSON.generate(ok: ok, status: reply.code.to_i, bytes: reply.body.bytesize,
                       sha256: Digest::SHA256.hexdigest(reply.body), error: ok ? nil : reply.message)
  rescue StandardError => error
    puts JSON.generate(ok: false, status: nil, bytes: 0, sha256: nil, error: "#{error.class}: #{error.message}"[0, 300])
  end
end
