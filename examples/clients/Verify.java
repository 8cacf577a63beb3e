import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Verifies a signature: exit status 0 genuine, 1 wrong, 2 no result. Java 11 or later.
 *
 * <pre>SOTER_URL=https://… SOTER_BEARER_TOKEN=… java Verify.java question.json</pre>
 *
 * question.json: {"openid":"…","purpose":"…","jsonString":"…","jsonSignature":"…"}
 * purpose is what your backend had the challenge issued for, and no word of a page; a login has none.
 */
class Verify {
    private static final String GENUINE = "{\"isOk\":true,\"errMsg\":\"openapi.soter.verifySignature:ok\",\"errCode\":0}";

    /** Throws if there is no result; that does not mean that the signature is wrong. */
    static boolean verify(String question) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("SOTER_URL") + "/openapi/soter/verifySignature"))
                .header("Content-Type", "application/json")
                .header("Authorization", "Bearer " + System.getenv("SOTER_BEARER_TOKEN"))
                .timeout(Duration.ofSeconds(15))
                .POST(HttpRequest.BodyPublishers.ofString(question))
                .build();
        HttpClient client = HttpClient.newBuilder()
                .connectTimeout(Duration.ofSeconds(5))
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        // Java has no JSON of its own. The response to a genuine signature is always these bytes.
        String answer = response.body();
        if (response.statusCode() == 200 && answer.equals(GENUINE)) {
            return true;
        }
        if (response.statusCode() == 200 && answer.startsWith("{\"isOk\":false,") && answer.endsWith(",\"errCode\":0}")) {
            return false;
        }
        throw new IllegalStateException("status " + response.statusCode() + ": " + answer);
    }

    public static void main(String[] arguments) {
        boolean genuine;
        try {
            genuine = verify(Files.readString(Path.of(arguments[0])));
        } catch (Exception e) {
            System.err.println("no verdict: " + e);
            System.exit(2);
            return;
        }
        System.out.println(genuine ? "genuine" : "refused");
        System.exit(genuine ? 0 : 1);
    }
}
