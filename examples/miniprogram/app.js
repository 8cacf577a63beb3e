App({
  onLaunch() {
    // For wx.cloud.callFunction and callContainer; a backend of your own needs none.
    if (wx.cloud) wx.cloud.init()
  },
})
