import com.google.gson.JsonObject;
import java.io.IOException;
import me.chanjar.weixin.common.enums.WxType;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.common.util.http.SimplePostRequestExecutor;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.config.WxMpConfigStorage;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;

// CentralOfficialAccount is what docs/central-token-server.md shows for weixin-java-mp.
class CentralOfficialAccount extends WxMpServiceImpl {
    @Override
    protected String doGetStableAccessTokenRequest(boolean forceRefresh) throws IOException {
        WxMpConfigStorage config = getWxMpConfigStorage();
        JsonObject body = new JsonObject();
        body.addProperty("grant_type", "client_credential");
        body.addProperty("appid", config.getAppId());
        body.addProperty("secret", config.getSecret());
        body.addProperty("force_refresh", forceRefresh);
        // WxJava sets this time to 0 when WeChat has refused the token.
        if (config.getAccessToken() != null && config.getExpiresTime() == 0) {
            body.addProperty("stale_token", config.getAccessToken());
        }
        String url = System.getenv("TOKEN_SERVER") + "/cgi-bin/stable_token";
        try {
            return SimplePostRequestExecutor.create(getRequestHttp()).execute(url, body.toString(), WxType.MP);
        } catch (WxErrorException refused) {
            return refused.getError().getJson();
        }
    }

    static CentralOfficialAccount service() {
        WxMpDefaultConfigImpl config = new WxMpDefaultConfigImpl();
        config.setAppId(System.getenv("APPID"));
        config.setSecret(System.getenv("CLIENT_SECRET"));
        config.useStableAccessToken(true);
        CentralOfficialAccount service = new CentralOfficialAccount();
        service.setWxMpConfigStorage(config);
        return service;
    }
}
