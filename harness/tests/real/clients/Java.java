// Drivers of `linger check-client` for Java: HttpURLConnection, and java.net.http.HttpClient.
import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.security.*;
import java.util.*;

class Java {
    record Reply(int status, byte[] content) {}

    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** As most programs do it: the stream of an error is neither read nor closed. */
    static Reply byUrl(String method, String url, byte[] body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod(method);
        if (body != null) {
            connection.setDoOutput(true);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body);
            }
        }
        int status = connection.getResponseCode();
        return new Reply(status, connection.getInputStream().readAllBytes());
    }

    static Reply byClient(String method, String url, byte[] body) throws Exception {
        var publisher = body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body);
        var request = HttpRequest.newBuilder(URI.create(url)).method(method, publisher).build();
        var reply = CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
        return new Reply(reply.statusCode(), reply.body());
    }

    public static void main(String[] arguments) throws Exception {
        boolean url = arguments[0].equals("url");
        var in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null && !line.equals("QUIT");) {
            String[] words = line.split(" ", 3);
            byte[] body = words.length > 2 ? Files.readAllBytes(Path.of(words[2])) : null;
            try {
                Reply reply = url ? byUrl(words[0], words[1], body) : byClient(words[0], words[1], body);
                String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(reply.content));
                System.out.printf("{\"ok\": %b, \"status\": %d, \"bytes\": %d, \"sha256\": \"%s\", \"error\": %s}%n",
                    reply.status < 400, reply.status, reply.content.length, digest,
                    reply.status < 400 ? "null" : "\"status " + reply.status + "\"");
            } catch (Exception error) {
                String told = error.toString().replace("\\", "/").replace("\"", "'").replace("\n", " ");
                System.out.printf("{\"ok\": false, \"status\": null, \"bytes\": 0, \"sha256\": null, \"error\": \"%s\"}%n", told);
            }
        }
    }
}
