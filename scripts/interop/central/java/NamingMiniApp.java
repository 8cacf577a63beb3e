import cn.binarywang.wx.miniapp.api.impl.WxMaServiceImpl;
import cn.binarywang.wx.miniapp.config.WxMaConfig;
import com.google.gson.JsonObject;
import java.io.IOException;
import me.chanjar.weixin.common.enums.WxType;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.common.util.http.SimplePostRequestExecutor;

// NamingMiniApp is CentralOfficialAccount for weixin-java-miniapp.
class NamingMiniApp extends WxMaServiceImpl {
    NamingMiniApp() {
        setWxMaConfig(CentralMiniApp.service().getWxMaConfig());
    }

    @Override
    protected String doGetStableAccessTokenRequest(boolean forceRefresh) throws IOException {
        WxMaConfig config = getWxMaConfig();
        JsonObject body = new JsonObject();
        body.addProperty("grant_type", "client_credential");
        body.addProperty("appid", config.getAppid());
        body.addProperty("secret", config.getSecret());
        body.addProperty("force_refresh", forceRefresh);
        if (config.getAccessToken() != null && config.getExpiresTime() == 0) {
            body.addProperty("stale_token", config.getAccessToken());
        }
        String url = System.getenv("TOKEN_SERVER") + "/cgi-bin/stable_token";
        try {
            return SimplePostRequestExecutor.create(getRequestHttp()).execute(url, body.toString(), WxType.MiniApp);
        } catch (WxErrorException refused) {
            return refused.getError().getJson();
        }
    }
}
