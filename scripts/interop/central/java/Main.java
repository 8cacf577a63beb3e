import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import me.chanjar.weixin.common.error.WxErrorException;

// Main takes an access_token from a central token server with WxJava's library that the
// first argument names, and makes WeChat's call with it: twice, or, given a number, so many
// times at once, and again after each line of input.
class Main {
    public static void main(String[] arguments) throws Exception {
        String api = System.getenv("WECHAT_API"), request = System.getenv("QUESTION");
        Callable<String> call;
        if (arguments[0].startsWith("miniapp")) {
            WxMaService service = arguments[0].equals("miniapp") ? CentralMiniApp.service() : new NamingMiniApp();
            ((WxMaDefaultConfigImpl) service.getWxMaConfig()).setApiHostUrl(api);
            call = () -> service.post("https://api.weixin.qq.com/cgi-bin/soter/verify_signature", request);
        } else {
            CentralOfficialAccount service = CentralOfficialAccount.service();
            call = () -> service.post(api + "/cgi-bin/soter/verify_signature", request);
        }
        if (arguments.length == 1) {
            System.out.println(verify(call));
            System.out.println(verify(call)); // with the token that the library stores
            return;
        }
        int calls = Integer.parseInt(arguments[1]);
        storm(calls, call);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) {
            storm(calls, call);
        }
    }

    private static String verify(Callable<String> call) throws Exception {
        try {
            return call.call();
        } catch (WxErrorException refused) {
            return refused.getError().toString();
        } catch (RuntimeException failed) {
            return failed.toString();
        }
    }

    private static void storm(int calls, Callable<String> call) throws Exception {
        CyclicBarrier together = new CyclicBarrier(calls);
        ExecutorService threads = Executors.newFixedThreadPool(calls);
        List<Future<String>> replies = new ArrayList<>();
        for (int i = 0; i < calls; i++) {
            replies.add(threads.submit(() -> {
                together.await();
                return verify(call);
            }));
        }
        threads.shutdown();
        int genuine = 0;
        TreeSet<String> failed = new TreeSet<>();
        for (Future<String> reply : replies) {
            if (reply.get().contains("\"is_ok\":true")) {
                genuine++;
            } else {
                failed.add(reply.get());
            }
        }
        System.out.println("genuine=" + genuine + " failed=" + failed);
    }
}
